"""The source of a bundle's files: a directory, or a .zip that is read in place. All reads are bounded.

Whatever lies in a bundle's place is looked at before it is read: nothing is waited for, and no more is taken into
memory than a bundle may have.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

MAX_BYTES = 256 << 20
"""Limit for all files together. A DRSN has 50 kB; the limit allows any edge network, but no decompression bomb."""

MAX_FILES = 32
MAX_DIRECTORY_BYTES = 1 << 17
"""Limit for a .zip's central directory, and for the comment at its end (65,557 bytes). 32 files take 4 kB; a directory
of 256 MB would become six million objects."""

REMEDY = "make or copy the bundle again"


class Source(Protocol):
    """A directory or archive of files."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def names(self) -> list[str]:
        """Names of all files; more than `MAX_FILES` need not be complete."""
        ...

    def read(self, name: str, limit: int) -> bytes:
        """Read a file, at most `limit` + 1 bytes."""
        ...


def source_of(path: Path) -> Source:
    """The source at a path.

    Raises:
        BundleError: nothing is there, or what is neither a directory nor a file of a bundle's size.
        OSError: it can't be looked at.
        zipfile.BadZipFile: it is no .zip.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise BundleError(f"bundle {path}: no such file or directory") from None
    if stat.S_ISDIR(mode):
        return _Directory(path)
    if not stat.S_ISREG(mode):
        raise BundleError(f"bundle {path}: is a pipe, a socket or a device; name a directory or a .zip")
    if path.stat().st_size > MAX_BYTES:
        raise BundleError(f"bundle {path}: larger than {MAX_BYTES} bytes")
    return _Zip(path)


class _Directory:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def names(self) -> list[str]:
        with os.scandir(self._path) as entries:
            return sorted(entry.name for entry in islice(entries, MAX_FILES + 1))

    def read(self, name: str, limit: int) -> bytes:
        file = self._path / name
        if file.is_symlink() or not file.is_file():
            raise BundleError(f"bundle {self._path}: {name} is no plain file; {REMEDY}")
        with file.open("rb") as stream:
            return stream.read(limit + 1)


class _Listing(io.FileIO):
    """A file of which a single reading gives no more than a bundle's list of files: a longer one is cut off, so bad."""

    bounded = True

    def read(self, size: int | None = -1, /) -> bytes:
        if self.bounded and (size is None or not 0 <= size <= MAX_DIRECTORY_BYTES):
            size = MAX_DIRECTORY_BYTES
        return super().read(-1 if size is None else size)


class _Zip:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _Listing(path)
        try:
            self._zip = zipfile.ZipFile(self._file)
        except BaseException:
            self._file.close()
            raise
        self._file.bounded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def names(self) -> list[str]:
        return [entry.filename for entry in self._zip.infolist()]

    def read(self, name: str, limit: int) -> bytes:
        entry = self._zip.getinfo(name)
        if (entry.external_attr >> 16) & 0o170000 == 0o120000 or entry.is_dir() or entry.flag_bits & 1:
            raise BundleError(f"bundle {self._path}: {name} is a link, a folder or encrypted; {REMEDY}")
        # The others decompress a whole chunk at a time, without a limit.
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BundleError(f"bundle {self._path}: {name} is neither stored nor deflated; {REMEDY}")
        with self._zip.open(entry) as stream:  # reads no more than asked, whatever the entry claims to hold
            return stream.read(limit + 1)
