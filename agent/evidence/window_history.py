"""The last windows of one sensor: counts and outputs of the network, in arrays that are allocated once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.reading import Reading
    from drsn.agent.decision.alarm_state import SensorState, Suppressor


class WindowShape(NamedTuple):
    """Shape of a sensor's windows and of the network's outputs."""

    channels: int
    samples: int
    sample_rate_hz: float
    labels: int
    units: int
    """Length of alpha; 0: the network has none."""


@dataclass(frozen=True, slots=True)
class WindowInfo:
    """Data of a window besides its arrays; by reference, nothing is copied."""

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
    """The sensor's alarm state before the window; None: there was none."""
    after: SensorState
    """The sensor's alarm state after the window."""


@dataclass(frozen=True, slots=True)
class Arrays:
    """Arrays of windows, oldest first."""

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
    """float32[windows, units]; 0 units if the network has no learned thresholds."""

    @classmethod
    def empty(cls, windows: int, shape: WindowShape) -> Arrays:
        """Allocate arrays for `windows` windows."""
        return cls(
            counts=np.zeros((windows, shape.channels, shape.samples), np.int16),
            scale=np.zeros((windows, shape.channels), np.float32),
            offset=np.zeros((windows, shape.channels), np.float32),
            probabilities=np.zeros((windows, shape.labels), np.float32),
            novelty=np.zeros(windows, np.float32),
            alpha=np.zeros((windows, shape.units), np.float32),
        )

    def named(self) -> dict[str, NDArray[Any]]:
        """Array by name, in the order of the fields."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def at(self, windows: list[int] | slice) -> Arrays:
        """Arrays of some windows; a list of indices copies, a slice does not."""
        return Arrays(**{name: array[windows] for name, array in self.named().items()})


def history_bytes(windows: int, shape: WindowShape) -> int:
    """Bytes of the arrays of `windows` windows."""
    floats = 2 * shape.channels + shape.labels + 1 + shape.units
    return windows * (2 * shape.channels * shape.samples + 4 * floats)


class WindowHistory:
    """A ring buffer of the last windows; when it is full, a new window replaces the oldest.

    Args:
        windows: that it holds.
        shape: of each.
    """

    def __init__(self, windows: int, shape: WindowShape) -> None:
        self.shape = shape
        self._arrays = Arrays.empty(windows, shape)
        self._infos: list[WindowInfo | None] = [None] * windows
        self._added = 0

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self._arrays.named().values())

    def next_slot(self) -> tuple[Arrays, int]:
        """The arrays, and the index in each where the caller writes the next window, before `add`."""
        return self._arrays, self._added % len(self._infos)

    def add(self, info: WindowInfo) -> None:
        """Add the window whose arrays were written to the next slot."""
        self._infos[self._added % len(self._infos)] = info
        self._added += 1

    def copy(self) -> tuple[tuple[WindowInfo, ...], Arrays]:
        """Copy its windows, oldest first."""
        size = len(self._infos)
        order = [number % size for number in range(max(0, self._added - size), self._added)]
        infos = tuple(info for index in order if (info := self._infos[index]) is not None)
        return infos, self._arrays.at(order)
