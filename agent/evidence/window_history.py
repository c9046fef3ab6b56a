"""One sensor's last windows: counts and what the network said of them, in arrays that are allocated once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.reading import Reading
    from drsn.agent.decision.alarm_state import SensorState, Suppressor


class Shape(NamedTuple):
    """Of one sensor's windows and of what its network says."""

    channels: int
    samples: int
    sample_rate_hz: float
    labels: int
    units: int
    """Of alpha; 0: the network has none."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a window besides its numbers; references, nothing is copied."""

    reading: Reading
    advance: int
    clipped: bool
    rate_error: float
    lossless: bool
    condition: str
    label: str
    confidence: float
    suppressed_by: Suppressor | None
    decided_unix_ns: int
    before: SensorState | None
    """The alarms before the window; None: nothing was known."""
    after: SensorState


@dataclass(frozen=True, slots=True)
class Arrays:
    """Numbers of some windows, oldest first."""

    counts: NDArray[np.int16]
    """int16[windows, channels, samples]."""
    scale: NDArray[np.float32]
    """float32[windows, channels]."""
    offset: NDArray[np.float32]
    """float32[windows, channels], in the unit."""
    probabilities: NDArray[np.float32]
    """float32[windows, labels]."""
    novelty: NDArray[np.float32]
    """float32[windows]."""
    alpha: NDArray[np.float32]
    """float32[windows, units]; no unit where the network has no thresholds."""

    @classmethod
    def empty(cls, windows: int, shape: Shape) -> Arrays:
        """Room for so many windows."""
        return cls(
            counts=np.zeros((windows, shape.channels, shape.samples), np.int16),
            scale=np.zeros((windows, shape.channels), np.float32),
            offset=np.zeros((windows, shape.channels), np.float32),
            probabilities=np.zeros((windows, shape.labels), np.float32),
            novelty=np.zeros(windows, np.float32),
            alpha=np.zeros((windows, shape.units), np.float32),
        )

    def named(self) -> dict[str, NDArray[Any]]:
        """Name -> array, in the order of the fields."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def at(self, windows: list[int] | slice) -> Arrays:
        """The windows at these places; a list copies."""
        return Arrays(**{name: array[windows] for name, array in self.named().items()})


def trail_bytes(windows: int, shape: Shape) -> int:
    """Of the arrays of so many windows."""
    floats = 2 * shape.channels + shape.labels + 1 + shape.units
    return windows * (2 * shape.channels * shape.samples + 4 * floats)


class WindowHistory:
    """A ring of the last `windows` windows; when it is full, the oldest goes."""

    def __init__(self, windows: int, shape: Shape) -> None:
        self.shape = shape
        self._arrays = Arrays.empty(windows, shape)
        self._facts: list[Fact | None] = [None] * windows
        self._added = 0

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return sum(array.nbytes for array in self._arrays.named().values())

    def place(self) -> tuple[Arrays, int]:
        """Where the next window's numbers are to be written: arrays, and the place in each."""
        return self._arrays, self._added % len(self._facts)

    def add(self, fact: Fact) -> None:
        """The window at `place` is written; this is what is known of it."""
        self._facts[self._added % len(self._facts)] = fact
        self._added += 1

    def copy(self) -> tuple[tuple[Fact, ...], Arrays]:
        """The windows in it, oldest first."""
        size = len(self._facts)
        order = [number % size for number in range(max(0, self._added - size), self._added)]
        facts = tuple(fact for index in order if (fact := self._facts[index]) is not None)
        return facts, self._arrays.at(order)
