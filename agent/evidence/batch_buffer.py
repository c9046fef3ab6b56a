"""Where the windows of one batch are kept until they are diagnosed: their samples are valid only until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.sensor_stream import Window

STAGED_BYTES = 32 << 20
"""Of the windows of one batch: 8,192 of 2,048 samples, or 98 at 1 MHz instead of 12 kHz. What finds no room has no
evidence, as that of which `Room` has too little."""


class Row:
    """A place in the batch: a window that is not diagnosed yet, but for its samples, which would hold a whole ring."""

    kept: bool
    """There is room for its counts."""
    counts: NDArray[np.int16]
    """int16[channels, samples], if they are kept; valid until the next batch begins."""
    lossless: bool
    shape: tuple[int, ...]
    sample_rate_hz: float
    advance: int
    clipped: bool
    rate_error: float

    def __init__(self) -> None:
        self.scale: NDArray[np.float32] = np.zeros(1, np.float32)
        self.offset: NDArray[np.float32] = np.zeros(1, np.float32)


class BatchBuffer:
    """Room for the windows of one batch, one after the other; its memory grows to that of the largest batch seen.

    Args:
        max_batch: windows of one batch.
    """

    def __init__(self, max_batch: int) -> None:
        self.rows = [Row() for _ in range(max_batch)]
        self._flat: NDArray[np.int16] = np.zeros(0, np.int16)
        self._used = 0  # of it, in this batch
        self._work: NDArray[np.float32] = np.zeros(0, np.float32)

    def row(self, place: int, window: Window) -> Row:
        """The row of a window, with room for its counts; place 0 begins the next batch."""
        row, size = self.rows[place], window.samples.size
        if not place:
            self._used = 0
        row.shape, row.sample_rate_hz, row.advance = window.samples.shape, window.sample_rate_hz, window.advance
        row.clipped, row.rate_error = window.clipped, window.rate_error
        row.kept = self._fits(size)
        if row.kept:
            start, self._used = self._used, self._used + size
            row.counts = self._flat[start : self._used].reshape(row.shape)
            channels = row.shape[0]
            if channels != len(row.scale):
                row.scale, row.offset = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        return row

    def work(self, window: Window) -> NDArray[np.float32]:
        """Scratch of the window's shape."""
        size = window.samples.size
        if self._work.size < size:
            self._work = np.zeros(size, np.float32)
        return self._work[:size].reshape(window.samples.shape)

    def _fits(self, size: int) -> bool:
        most = STAGED_BYTES // self._flat.itemsize
        if self._used + size > self._flat.size:
            if self._flat.size == most or size > most:
                return False
            # Rows of this batch hold what they have of the old one, until the next batch.
            self._flat, self._used = np.zeros(min(most, max(size, 2 * self._flat.size)), np.int16), 0
        return self._used + size <= self._flat.size
