"""Reads and copies regular files only, within a size limit, and never blocks on what is in their place.

A restored directory, a power cut or a full disk may leave a folder, a pipe or a gigabyte under the name of a state
file. An agent that blocked on it or failed on it would do so at each start, because nothing repairs the file.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_special(path: Path) -> bool:
    """True if the path exists and is no regular file."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:  # nothing is there, or it can't be examined
        return False


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file and return its descriptor, which the caller closes; a new file gets mode 0600.

    Raises:
        OSError: it can't be opened, or is no regular file.
    """
    # O_NONBLOCK: opening a pipe without a reader or writer does not block. It has no effect on a regular file.
    file = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return file


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes`.

    Raises:
        OSError: it can't be read, is no regular file, or is larger.
    """
    file = open_regular(path, os.O_RDONLY)
    try:
        content = os.read(file, max_bytes + 1)
    finally:
        os.close(file)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {max_bytes} bytes, its largest valid size", str(path))
    return content


def copy_regular(path: Path, to: Path) -> None:
    """Copy a regular file of any size.

    Raises:
        OSError: it can't be read, is no regular file, or the copy does not fit on the disk.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as source, to.open("wb") as copy:
        shutil.copyfileobj(source, copy)
