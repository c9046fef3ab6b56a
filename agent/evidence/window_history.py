"""The last windows of one sensor: samples and outputs of the network, in arrays that are allocated once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from drsn.agent.evidence.quantise import quantise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.reading import Reading
    from drsn.agent.backends.backend import Outputs
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
    count: float | None
    """Unit per count, if the packet that completed the window came as 16-bit counts."""
    condition: str
    label: str
    confidence: float
    suppressed_by: Suppressor | None
    decided_unix_ns: int
    before: SensorState | None
    """The sensor's alarm state before the window; None: there was none."""
    after: SensorState
    """The sensor's alarm state after the window."""
    lossless: bool = False
    """The counts of the copy are the samples without an error."""


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
    """Bytes of the arrays of `windows` windows in a history."""
    return windows * 4 * (shape.channels * shape.samples + shape.labels + 1 + shape.units)


class WindowHistory:
    """A ring buffer of the last windows as they were sampled; when it is full, a new window replaces the oldest.

    Args:
        windows: that it holds.
        shape: of each.
    """

    def __init__(self, windows: int, shape: WindowShape) -> None:
        self.shape = shape
        self._samples = np.zeros((windows, shape.channels, shape.samples), np.float32)
        self._probabilities = np.zeros((windows, shape.labels), np.float32)
        self._novelty = np.zeros(windows, np.float32)
        self._alpha = np.zeros((windows, shape.units), np.float32)
        self._infos: list[WindowInfo | None] = [None] * windows
        self._added = 0

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return history_bytes(len(self._infos), self.shape)

    def add(self, info: WindowInfo, samples: NDArray[np.float32], outputs: Outputs, row: int) -> None:
        """Copy a window, float32[channels, samples], and row `row` of the network's outputs."""
        at = self._added % len(self._infos)
        self._samples[at] = samples
        self._probabilities[at], self._novelty[at] = outputs.probabilities[row], outputs.novelty[row]
        if outputs.alpha is not None:
            self._alpha[at] = outputs.alpha[row]
        self._infos[at] = info
        self._added += 1

    def copy(self) -> tuple[tuple[WindowInfo, ...], Arrays]:
        """Copy its windows, oldest first; the samples are quantised to 16-bit counts."""
        size = len(self._infos)
        order = [number % size for number in range(max(0, self._added - size), self._added)]
        arrays = Arrays.empty(len(order), self.shape)
        arrays.probabilities[...] = self._probabilities[order]
        arrays.novelty[...], arrays.alpha[...] = self._novelty[order], self._alpha[order]
        infos = []
        for row, at in enumerate(order):
            info = self._infos[at]
            assert info is not None, "each index in the order was added"
            lossless = quantise(
                self._samples[at], info.count, arrays.counts[row], arrays.scale[row], arrays.offset[row]
            )
            infos.append(replace(info, lossless=lossless))
        return tuple(infos), arrays
