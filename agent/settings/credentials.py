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
"""MQTT's limit for a password, whose length is two bytes."""


def password_in(path: Path) -> str:
    """Read a password from a file or a pipe; the end of the line is not part of it.

    Raises:
        ConfigurationError: it can't be read, is no text, contains NUL, or is longer than MQTT allows.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 3)  # two bytes more for an end of line
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"password file {path}: it is not UTF-8 text"
        ) from None  # the error text would contain its bytes
    except OSError as error:
        raise ConfigurationError(f"password file {path}: {error.strerror or error}") from None
    if len(text.encode()) > MAX_BYTES:
        raise ConfigurationError(f"password file {path}: it is longer than the {MAX_BYTES} bytes that MQTT allows")
    if "\0" in text:  # MQTT allows it, but in brokers that store C strings the password would end there
        raise ConfigurationError(
            f"password file {path}: it contains NUL characters, perhaps because it is UTF-16; save it as UTF-8"
        )
    return text


def disable_core_dumps() -> None:
    """Disable core dumps of this process: its memory holds the password. systemd-coredump and apport obey the limit."""
    with suppress(OSError, ValueError):  # a sandbox that forbids the call sets its own limits
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def world_readable(path: Path) -> bool:
    """Return True if every user of this machine may read the file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)
