"""A user's own recordings: `<folder>/<set>/<label>/<file>`, the sets being train, validation and test.

Who lays out the folders makes the split, and it is by recording: put one machine, or one day, into one set only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.model.data.files import SUFFIXES, read_recording
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.data.recording import Recording

SETS = ("train", "validation", "test")


def read_set(folder: Path, name: str, sample_rate_hz: float | None) -> tuple[Recording, ...]:
    """Every recording of one set, labels and files in the order of their names.

    `sample_rate_hz` is for files that do not say it.

    Raises:
        BadDataError: the set is empty, or a file holds no recording.
        StorageError: a file can't be read.
    """
    paths = sorted(path for path in (folder / name).glob("*/*") if path.suffix in SUFFIXES)
    if not paths:
        raise BadDataError(f"{folder / name}: no recordings; lay them out as {name}/LABEL/FILE ({', '.join(SUFFIXES)})")
    return tuple(replace(read_recording(path, sample_rate_hz), label=path.parent.name, group=name) for path in paths)
