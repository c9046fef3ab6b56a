"""A folder of labelled recordings: `<label>/<event_id>.npz`, and `labels.csv` with a row for each file.

Several people and programs may add to one folder: a lock holds off the others, and `labels.csv` is replaced as a whole.
A file appears before its row, so that each row has its file, whatever ends the process.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.model.errors import BadDataError, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from drsn.agent.tools.labelling.stretches import Stretch

TABLE: Final = "labels.csv"
LOCK: Final = ".labels.lock"
LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A label is the name of a folder."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet."""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A row of `labels.csv`; the fields are its columns."""

    file: str
    label: str
    sensor: str
    condition: str
    event_id: str
    sample_rate_hz: str
    by: str
    comment: str
    decided_at: str


@dataclass(frozen=True, slots=True)
class EventLabel:
    """The label of an event, and who gave it."""

    event_id: str
    label: str
    sensor: str
    condition: str
    decided_at: str
    by: str
    comment: str


@dataclass(frozen=True, slots=True)
class Added:
    """What a folder has of an event now."""

    files: tuple[str, ...]
    """Paths below the folder."""
    new: bool
    """False: the folder had this label of the event already; nothing was changed."""


COLUMNS: Final = tuple(field.name for field in fields(LabelRow))


def add(folder: Path, event: EventLabel, recordings: Sequence[Stretch], *, replace: bool = False) -> Added:
    """Add the recordings of one event to a folder, which is made if it is missing.

    Args:
        folder: with a `labels.csv`, or without one.
        event: its label.
        recordings: at least one.
        replace: another label of the event is removed first; else it is an error.

    Raises:
        UsageError: the label cannot be the name of a folder, or the event has another label there.
        BadDataError: `labels.csv` is not one of ours.
        StorageError: the folder cannot be written.
    """
    if not LABEL.fullmatch(event.label):
        raise UsageError(f"label {event.label[:64]!r}: letters, digits and . _ - alone, 64 at most")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            return _added(folder, event, recordings, replace=replace)
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror or error}; check the name and its permissions") from None


def rows_of(folder: Path) -> list[LabelRow]:
    """The rows of `labels.csv`; none if it is missing.

    Raises:
        BadDataError: it has other columns.
    """
    path = folder / TABLE
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise BadDataError(f"{path}: its columns are not {', '.join(COLUMNS)}; name another folder with --out")
        rows = list(reader)
    if any(None in row or None in row.values() for row in rows):
        raise BadDataError(f"{path}: a row has not {len(COLUMNS)} cells; repair it")
    return [LabelRow(**row) for row in rows]


def _added(folder: Path, event: EventLabel, recordings: Sequence[Stretch], *, replace: bool) -> Added:
    rows = rows_of(folder)
    old = [row for row in rows if row.event_id == event.event_id]
    present = tuple(row.file for row in old if row.label == event.label and (folder / row.file).is_file())
    if old and len(present) == len(old):
        return Added(present, new=False)
    others = sorted({row.label for row in old} - {event.label})
    if others and not replace:
        raise UsageError(
            f"{folder / TABLE}: event {event.event_id} has the label {others[0]!r} by {old[0].by!r}; "
            "--replace gives it the new one"
        )
    names = [f"{event.label}/{event.event_id}{'' if n == 1 else f'-{n}'}.npz" for n in range(1, len(recordings) + 1)]
    for name, recording in zip(names, recordings, strict=True):
        _write(folder / name, npz_of(recording))
    kept = [row for row in rows if row.event_id != event.event_id]
    rate = f"{recordings[0].sample_rate_hz:.12g}"
    shared = {key: plain(value) for key, value in asdict(event).items()}
    _write(folder / TABLE, _table([*kept, *(LabelRow(file=name, sample_rate_hz=rate, **shared) for name in names)]))
    for row in old:
        if row.file not in names and (folder / row.file).resolve().is_relative_to(folder.resolve()):
            (folder / row.file).unlink(missing_ok=True)
            with suppress(OSError):  # other files are in it
                (folder / row.file).parent.rmdir()
    return Added(tuple(names), new=True)


def npz_of(recording: Stretch) -> bytes:
    """The file of a recording: `samples` float32[channels, n], `sample_rate_hz`, `unit`, `rpm` (NaN: not known)."""
    arrays = {
        "samples": recording.samples,
        "sample_rate_hz": np.float64(recording.sample_rate_hz),
        "unit": np.str_(recording.unit or ""),
        "rpm": np.float64(recording.rpm),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:  # as numpy.savez; the same recording gives the same bytes
        for name, value in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, np.asanyarray(value), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def plain(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula, on one line."""
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(FORMULA) else line


def _table(rows: Sequence[LabelRow]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, rows))
    return text.getvalue().encode()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system ends it with the process."""
    with (folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
