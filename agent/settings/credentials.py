"""Passwords and keys as files: read within bounds, never printed."""

from __future__ import annotations

import resource
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 65_535
"""Of a password, by MQTT (a length of two bytes)."""


def password_in(path: Path) -> str:
    """The password in a file, or in a pipe; the line's end is not part of it.

    Raises:
        ConfigurationError: it can't be read, is no text, holds NUL, or is longer than MQTT allows.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 3)  # and an end of line
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigurationError(f"password file {path}: no UTF-8 text") from None  # the error would repeat its bytes
    except OSError as error:
        raise ConfigurationError(f"password file {path}: {error.strerror or error}") from None
    if len(text.encode()) > MAX_BYTES:
        raise ConfigurationError(f"password file {path}: longer than the {MAX_BYTES} bytes that MQTT allows")
    if "\0" in text:  # MQTT allows it, but brokers that keep passwords as C's strings end them there
        raise ConfigurationError(f"password file {path}: holds NUL, as text in UTF-16 does; write it as UTF-8")
    return text


def leave_no_core() -> None:
    """No core dump of this process: its memory holds the password. systemd-coredump and apport heed the limit too."""
    with suppress(OSError, ValueError):  # a sandbox that allows no limits has its own
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def open_to_all(path: Path) -> bool:
    """Whether every user of this machine may read a file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)
