"""Records on the disk, `<sensor>/<event_id>.npz`, within a quota: the oldest are deleted first."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.mqtt.sensor_id import legal_sensor
from drsn.model.errors import BadDataError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_BYTES = 64 << 20
"""Kept free on the disk: evidence must not take the space that the alarm database needs."""

FOLDER = "evidence"
"""In the agent's state directory."""

EVENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SUFFIX = ".npz"
UNFINISHED = ".npz.part"


@dataclass(frozen=True, slots=True)
class RecordFile:
    """The file of one record."""

    path: Path
    size: int
    modified_ns: int

    @property
    def sensor(self) -> str:
        """Sensor of the event."""
        return self.path.parent.name

    @property
    def event_id(self) -> str:
        """Id of the event."""
        return self.path.name.removesuffix(SUFFIX)


class RecordFiles:
    """A directory of records; other files in it are neither changed nor counted. Written by one thread.

    Args:
        directory: made for the first record.
        quota_bytes: of all records.
        reserve_bytes: kept free on the disk.
    """

    def __init__(self, directory: Path, quota_bytes: int, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._directory = directory
        self._quota_bytes = quota_bytes
        self._reserve_bytes = reserve_bytes
        # By sensor and event, oldest first; None: not read yet.
        self._files: dict[tuple[str, str], RecordFile] | None = None
        self.bytes = 0
        """Size of all records."""

    def put(self, sensor: str, event_id: str, data: bytes) -> None:
        """Write a record atomically, after the oldest are deleted to make room.

        Raises:
            OSError: the disk is full, or can't be written.
            ValueError: the record is larger than the quota, or its name is not valid.
        """
        if not legal_sensor(sensor) or not EVENT_ID.fullmatch(event_id) or len(data) > self._quota_bytes:
            raise ValueError(
                f"{len(data)} bytes of event {event_id[:40]!r} of {sensor[:64]!r} cannot be kept: invalid name"
            )
        path = self._directory / sensor / f"{event_id}{SUFFIX}"
        files = self._index()
        if (same := files.pop((sensor, event_id), None)) is not None:  # rare: a repeat after a crash
            self.bytes -= same.size
        while files and self.bytes + len(data) > self._quota_bytes:
            self._remove(files.pop(next(iter(files))))
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < len(data) + self._reserve_bytes:
            raise OSError(f"less than {self._reserve_bytes >> 20} MiB of the disk would stay free")
        _write(path, data)
        files[sensor, event_id] = RecordFile(path, len(data), path.stat().st_mtime_ns)
        self.bytes += len(data)

    def _index(self) -> dict[tuple[str, str], RecordFile]:
        """The records, oldest first. The first call reads the directory, and deletes unfinished files of a crash."""
        if self._files is None:
            for path in self._directory.glob(f"*/*{UNFINISHED}"):
                with suppress(OSError):  # not a regular file; later records are written all the same
                    path.unlink()
            self._files = {(each.sensor, each.event_id): each for each in listed(self._directory)}
            self.bytes = sum(each.size for each in self._files.values())
        return self._files

    def _remove(self, oldest: RecordFile) -> None:
        oldest.path.unlink(missing_ok=True)
        self.bytes -= oldest.size


def listed(directory: Path) -> list[RecordFile]:
    """List the records in a directory, oldest first; none if it is missing."""
    found = []
    for path in directory.glob(f"*/*{SUFFIX}"):
        if EVENT_ID.fullmatch(path.name.removesuffix(SUFFIX)) and _is_regular(path):
            with suppress(FileNotFoundError):  # the agent may delete it meanwhile
                status = path.stat()
                found.append(RecordFile(path, status.st_size, status.st_mtime_ns))
    return sorted(found, key=lambda each: (each.modified_ns, each.path))


def find(directory: Path, event_id: str) -> Path | None:
    """Find the record of an event; None: there is none. The id can't lead out of the directory."""
    if not EVENT_ID.fullmatch(event_id):
        return None
    return next((path for path in sorted(directory.glob(f"*/{event_id}{SUFFIX}")) if _is_regular(path)), None)


def read_file(path: Path, max_bytes: int) -> bytes:
    """Read a file of at most `max_bytes`.

    Raises:
        StorageError: it can't be read.
        BadDataError: it is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}; check the name and its permissions") from None
    if len(data) > max_bytes:
        raise BadDataError(f"{path}: larger than {max_bytes} bytes, so it is not a record of evidence")
    return data


def _is_regular(path: Path) -> bool:
    """True for a regular file; false for a symbolic link, and for a pipe, which would block."""
    return path.is_file() and not path.is_symlink()


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name.removesuffix(SUFFIX)}{UNFINISHED}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
