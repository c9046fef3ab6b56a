"""A small file in the state directory, whatever lies in its place: read within bounds, and waited for in no case.

Somebody who restores a directory, a power cut, a full disk may leave anything under its name: a folder, a pipe, a
gigabyte. An agent that waited for it, or died of it, would do so at each start, for nothing repairs the file.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_odd(path: Path) -> bool:
    """Whether something lies there, and it is no plain file."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:  # nothing, or nothing that can be looked at
        return False


def open_plain(path: Path, flags: int) -> int:
    """A descriptor of a plain file, to be closed by the caller; a new file is the user's alone.

    Raises:
        OSError: it can't be opened, or is no plain file.
    """
    # O_NONBLOCK: a pipe that nobody writes to, or reads from, is not waited for. To a plain file it means nothing.
    file = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return file


def read_plain(path: Path, max_bytes: int) -> bytes:
    """Content of a plain file of at most so many bytes.

    Raises:
        OSError: it can't be read, is no plain file, or is larger.
    """
    file = open_plain(path, os.O_RDONLY)
    try:
        content = os.read(file, max_bytes + 1)
    finally:
        os.close(file)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than the {max_bytes} bytes that it ever has", str(path))
    return content


def copy_plain(path: Path, to: Path) -> None:
    """Copy a plain file, of whatever size.

    Raises:
        OSError: it can't be read, is no plain file, or there is no room for the copy.
    """
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as source, to.open("wb") as copy:
        shutil.copyfileobj(source, copy)
