"""RMS velocity of each sensor: a frame of contiguous signal is kept of each, within a limit of memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.monitoring.units import UNITS
from drsn.agent.monitoring.velocity import FrameKind, VelocityFrames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FRAMES_BYTES: Final = 128 << 20
"""Memory of all frames: 5,000 sensors at 12 kHz with a lowest frequency of 10 Hz, or 1,000 of slow machines (2 Hz)."""

MAX_KINDS: Final = 64
"""Sample rates and windows at one time. A plant has a handful; a rate that drifts must not fill the memory."""

EXPIRES_FRAMES: Final = 4
"""A velocity is kept for so many frames of windows after it was measured; then it is unknown until the next one."""

UNKNOWN_UNIT: Final = -1
_UNITS: Final = tuple(UNITS.values())
_CODES: Final = {name: _UNITS.index(unit) for name, unit in UNITS.items()}
_NO_FRAME = -1
_FIRST_SLOTS = 64  # doubled when they are used up

_RECORD = np.dtype(
    [
        ("low_hz", "f8"),
        ("rate_hz", "f8"),  # of the last window; its frame fits these
        ("hop", "i8"),
        ("unit", "i8"),
        ("factor", "f8"),  # mm/s² or mm/s in one unit
        ("kind", "i8"),  # index of the frames, or _NO_FRAME
        ("frame", "i8"),  # index of its frame among them
        ("windows", "i8"),  # since the last measurement
        ("rms", "f8"),  # in mm/s, NaN: none
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class NewSamples:
    """The newest window of each of some sensors, all of one sample rate."""

    slots: NDArray[np.intp]
    """int[windows], distinct."""
    samples: NDArray[np.float32]
    """float32[windows, channels, samples], as sampled."""
    sample_rate_hz: float
    hops: NDArray[np.int64]
    """int[windows]: so many of the last samples are new."""
    units: Sequence[str | None]
    joined: NDArray[np.bool_]
    """bool[windows]: the new samples follow those of the sensor's window before."""
    fresh: NDArray[np.bool_]
    """bool[windows]: samples were lost, so what was measured before does not count any more."""
    sound: NDArray[np.bool_]
    """bool[windows]: without a sensor fault; the other windows are left out."""


class VelocityMeter:
    """Measures the velocity of sensors by slot.

    Args:
        most_bytes: of all frames. A sensor whose frame does not fit has no velocity.
    """

    def __init__(self, most_bytes: int = FRAMES_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kinds: dict[FrameKind, int] = {}
        self._frames: list[VelocityFrames] = []
        self._slots = np.zeros(_FIRST_SLOTS, _RECORD)
        self._slots["kind"] = _NO_FRAME

    @property
    def nbytes(self) -> int:
        """Memory of all frames."""
        return sum(frames.nbytes for frames in self._frames)

    def begin(self, slot: int, low_hz: float) -> None:
        """Begin with a sensor.

        Args:
            slot: of the sensor; what it had before is forgotten.
            low_hz: lower end of the band.
        """
        if slot >= len(self._slots):
            more = np.zeros(max(len(self._slots), slot + 1), _RECORD)
            more["kind"] = _NO_FRAME
            self._slots = np.concatenate([self._slots, more])
        self._release(slot)
        self._slots[slot] = (low_hz, 0.0, 0, UNKNOWN_UNIT, math.nan, _NO_FRAME, _NO_FRAME, 0, math.nan)

    @staticmethod
    def knows(unit: str | None) -> bool:
        """Whether the velocity of signals in this unit can be measured."""
        return unit in _CODES

    def has_frame(self, slots: NDArray[np.intp]) -> NDArray[np.bool_]:
        """bool[windows]: the unit is known, and the memory has room."""
        found: NDArray[np.bool_] = self._slots["kind"][slots] != _NO_FRAME
        return found

    def measure(self, new: NewSamples) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Add one window of each of some sensors, which have begun.

        Returns:
            float64[windows]: RMS velocity in mm/s by the last measurement, NaN: there is none;
            bool[windows]: the window completed a measurement.
        """
        slots, records = new.slots, self._slots
        units = np.array([_CODES.get(unit or "", UNKNOWN_UNIT) for unit in new.units])
        before = records[slots]
        other = (before["rate_hz"] != new.sample_rate_hz) | (before["hop"] != new.hops) | (before["unit"] != units)
        for row in np.flatnonzero(other).tolist():
            self._place(int(slots[row]), new.samples.shape[1], new.sample_rate_hz, int(new.hops[row]), int(units[row]))
        records["rms"][slots[new.fresh]] = math.nan
        records["windows"][slots] += 1
        kinds = records["kind"][slots]
        for kind in set(kinds.tolist()) - {_NO_FRAME}:
            mine = kinds == kind
            self._frames[kind].restart(records["frame"][slots[mine & ~new.sound]])
            if len(rows := np.flatnonzero(mine & new.sound)):
                self._measure(self._frames[kind], rows, new)
        return records["rms"][slots], (records["windows"][slots] == 0) & (records["kind"][slots] != _NO_FRAME)

    def _measure(self, frames: VelocityFrames, rows: NDArray[np.intp], new: NewSamples) -> None:
        """Add the windows in these rows to their frames."""
        records, slots = self._slots, new.slots[rows]
        samples = new.samples if len(rows) == len(new.slots) else new.samples[rows]
        complete, rms = frames.add(records["frame"][slots], samples, (new.joined & ~new.fresh)[rows])
        measured = slots[complete]
        records["rms"][measured] = rms * records["factor"][measured]
        records["windows"][measured] = 0
        records["rms"][slots[records["windows"][slots] > EXPIRES_FRAMES * frames.hops]] = math.nan

    def _place(self, slot: int, channels: int, sample_rate_hz: float, hop: int, unit: int) -> None:
        """Give a sensor an empty frame that fits its windows; none if the unit is unknown or the memory is full."""
        self._release(slot)
        record = self._slots[slot]
        record["rate_hz"], record["hop"], record["unit"], record["rms"] = sample_rate_hz, hop, unit, math.nan
        if unit == UNKNOWN_UNIT:
            return
        number = self._frames_of(
            FrameKind(channels, hop, sample_rate_hz, float(record["low_hz"]), _UNITS[unit].velocity)
        )
        if number is None or self.nbytes + self._frames[number].growth_bytes > self._most_bytes:
            return
        record["kind"], record["frame"], record["factor"] = number, self._frames[number].begin(), _UNITS[unit].value

    def _frames_of(self, kind: FrameKind) -> int | None:
        """Index of the frames of a kind, made if they are missing; None: there are too many kinds."""
        if kind in self._kinds:
            return self._kinds[kind]
        if len(self._kinds) < MAX_KINDS:
            number = self._kinds[kind] = len(self._frames)
            self._frames.append(VelocityFrames(kind))
            return number
        unused = next((each for each, at in self._kinds.items() if self._frames[at].empty), None)
        if unused is None:
            return None
        number = self._kinds[kind] = self._kinds.pop(unused)
        self._frames[number] = VelocityFrames(kind)
        return number

    def _release(self, slot: int) -> None:
        record = self._slots[slot]
        if record["kind"] != _NO_FRAME:
            self._frames[record["kind"]].end(int(record["frame"]))
            record["kind"] = _NO_FRAME
