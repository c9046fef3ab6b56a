"""The recordings in a record of evidence: its windows, joined where they touch. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from drsn.agent.evidence.record import Record
    from drsn.agent.schema.evidence import WindowNote

TOLERANCE_SAMPLES: Final = 1.5
"""Two windows touch if their times differ by the new samples, to within so many. Where times have more jitter, windows
become recordings of their own: none has a jump in it."""

NOT_OF_THE_MACHINE: Final = ("gate", "sensor_fault")
"""Windows that these suppress show no running machine."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A recording without a gap."""

    samples: NDArray[np.float32]
    """float32[channels, n] in the unit of the sensor."""
    sample_rate_hz: float
    unit: str | None
    rpm: float
    """Mean speed of the shaft; NaN: not known."""
    windows: int


def stretches(record: Record) -> list[Stretch]:
    """The recordings of a record, oldest first; none if no window shows the running machine.

    Windows with a sensor fault, or while the machine did not run, are left out.
    """
    samples, notes, header = record.samples, record.header.windows, record.header
    found = []
    for rows in _touching(notes, header.sample_rate_hz):
        parts = [samples[rows[0]], *(samples[row][:, -notes[row].advance :] for row in rows[1:])]
        speeds = [rpm for row in rows if (rpm := notes[row].rpm) is not None]
        rpm = float(np.mean(speeds)) if speeds else math.nan
        joined = np.concatenate(parts, axis=1).astype(np.float32)
        found.append(Stretch(joined, header.sample_rate_hz, header.unit, rpm, len(rows)))
    return found


def _touching(notes: tuple[WindowNote, ...], sample_rate_hz: float) -> Iterator[list[int]]:
    """The rows of windows that follow each other without a gap."""
    rows: list[int] = []
    for row, note in enumerate(notes):
        if note.fault is not None or note.suppressed_by in NOT_OF_THE_MACHINE:
            continue
        if rows and not (rows[-1] == row - 1 and _touch(notes[row - 1], note, sample_rate_hz)):
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _touch(before: WindowNote, note: WindowNote, sample_rate_hz: float) -> bool:
    passed = (note.t_end_unix_ns - before.t_end_unix_ns) * 1e-9 * sample_rate_hz
    return not note.fresh and abs(passed - note.advance) <= TOLERANCE_SAMPLES
