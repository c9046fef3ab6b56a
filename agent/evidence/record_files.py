"""Records on disk, `<sensor>/<event_id>.npz`, within a quota: the oldest go first."""

from __future__ import annotations

import os
import re
import shutil
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.mqtt.topics import legal_sensor
from drsn.model.errors import BadDataError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_BYTES = 64 << 20
"""Left free on the disk: evidence must never take the room that the alarms' own database needs."""

FOLDER = "evidence"
"""In the agent's state directory."""

EVENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SUFFIX = ".npz"
UNFINISHED = ".npz.part"


@dataclass(frozen=True, slots=True)
class Kept:
    """One record's file."""

    path: Path
    size: int
    modified_ns: int

    @property
    def sensor(self) -> str:
        """Whose it is."""
        return self.path.parent.name

    @property
    def event_id(self) -> str:
        """Of the event that it tells of."""
        return self.path.name.removesuffix(SUFFIX)


class RecordFiles:
    """A directory of records; what else lies in it is left alone and not counted. Written by one thread.

    Args:
        directory: made when the first record comes.
        quota_bytes: of all records.
        reserve_bytes: that stay free on the disk.
    """

    def __init__(self, directory: Path, quota_bytes: int, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._directory = directory
        self._quota_bytes = quota_bytes
        self._reserve_bytes = reserve_bytes
        self._kept: deque[Kept] | None = None
        self.bytes = 0
        """Of all records."""

    def put(self, sensor: str, event_id: str, data: bytes) -> None:
        """Write a record, all of it or nothing, and let the oldest go.

        Raises:
            OSError: the disk is full, or can't be written.
            ValueError: the record alone passes the quota, or its name is none.
        """
        if not legal_sensor(sensor) or not EVENT_ID.fullmatch(event_id) or len(data) > self._quota_bytes:
            raise ValueError(f"{len(data)} bytes of event {event_id[:40]!r} of {sensor[:64]!r} can't be kept")
        path = self._directory / sensor / f"{event_id}{SUFFIX}"
        kept = self._index()
        for same in [each for each in kept if each.path == path]:  # a replay after a crash; rare, and few thousand
            kept.remove(same)
            self.bytes -= same.size
        while kept and self.bytes + len(data) > self._quota_bytes:
            self._remove(kept.popleft())
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < len(data) + self._reserve_bytes:
            raise OSError(f"less than {self._reserve_bytes >> 20} MiB would stay free on the disk")
        _write(path, data)
        kept.append(Kept(path, len(data), path.stat().st_mtime_ns))
        self.bytes += len(data)

    def _index(self) -> deque[Kept]:
        """The records, oldest first; read from the disk the first time, when what a crash left unfinished goes too."""
        if self._kept is None:
            for path in self._directory.glob(f"*/*{UNFINISHED}"):
                with suppress(OSError):  # no file of ours: all that comes after it must find a place all the same
                    path.unlink()
            self._kept = deque(listed(self._directory))
            self.bytes = sum(each.size for each in self._kept)
        return self._kept

    def _remove(self, oldest: Kept) -> None:
        oldest.path.unlink(missing_ok=True)
        self.bytes -= oldest.size


def listed(directory: Path) -> list[Kept]:
    """The records in a directory, oldest first; none where it is missing."""
    found = []
    for path in directory.glob(f"*/*{SUFFIX}"):
        if EVENT_ID.fullmatch(path.name.removesuffix(SUFFIX)) and _plain(path):
            with suppress(FileNotFoundError):  # the agent may remove it meanwhile
                status = path.stat()
                found.append(Kept(path, status.st_size, status.st_mtime_ns))
    return sorted(found, key=lambda each: (each.modified_ns, each.path))


def find(directory: Path, event_id: str) -> Path | None:
    """The record of an event; None where none is kept. Whatever the id holds, nothing outside is looked at."""
    if not EVENT_ID.fullmatch(event_id):
        return None
    return next((path for path in sorted(directory.glob(f"*/{event_id}{SUFFIX}")) if _plain(path)), None)


def read_file(path: Path, max_bytes: int) -> bytes:
    """Content of a file of at most so many bytes.

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
        raise BadDataError(f"{path}: larger than {max_bytes} bytes; no record of evidence is")
    return data


def _plain(path: Path) -> bool:
    """A file, and not another one's name, nor a pipe that would be waited for."""
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
