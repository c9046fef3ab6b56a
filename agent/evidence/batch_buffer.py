"""Copies of the windows of one batch until they are diagnosed, because their samples are valid only until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.sensor_stream import Window

BUFFER_BYTES = 32 << 20
"""For the windows of one batch: 8,192 windows of 2,048 samples, or 98 at 1 MHz instead of 12 kHz. A window that does
not fit has no evidence."""


class BufferedWindow:
    """One row of the batch: a window that is not diagnosed yet."""

    kept: bool
    """The counts fit into the buffer."""
    counts: NDArray[np.int16]
    """int16[channels, samples] if `kept`; valid until the next batch begins."""
    lossless: bool
    """`counts` times `scale` are the samples without an error."""
    shape: tuple[int, ...]
    sample_rate_hz: float
    advance: int
    clipped: bool
    rate_error: float

    def __init__(self) -> None:
        self.scale: NDArray[np.float32] = np.zeros(1, np.float32)
        self.offset: NDArray[np.float32] = np.zeros(1, np.float32)


class BatchBuffer:
    """Memory for the windows of one batch, one after the other; it grows to the size of the largest batch.

    Args:
        max_batch: windows of one batch.
        max_bytes: of their counts.
    """

    def __init__(self, max_batch: int, max_bytes: int = BUFFER_BYTES) -> None:
        self.windows = [BufferedWindow() for _ in range(max_batch)]
        self._max_size = max_bytes // np.dtype(np.int16).itemsize
        self._counts: NDArray[np.int16] = np.zeros(0, np.int16)
        self._used = 0  # counts of this batch
        self._scratch: NDArray[np.float32] = np.zeros(0, np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes that are allocated for counts and scratch memory."""
        return self._counts.nbytes + self._scratch.nbytes

    def add(self, row: int, window: Window) -> BufferedWindow:
        """Note a window and allocate its counts, which the caller fills; row 0 begins the next batch."""
        buffered, size = self.windows[row], window.samples.size
        if not row:
            self._used = 0
        buffered.shape, buffered.sample_rate_hz = window.samples.shape, window.sample_rate_hz
        buffered.advance, buffered.clipped, buffered.rate_error = window.advance, window.clipped, window.rate_error
        buffered.kept = self._fits(size)
        if buffered.kept:
            start, self._used = self._used, self._used + size
            buffered.counts = self._counts[start : self._used].reshape(buffered.shape)
            channels = buffered.shape[0]
            if channels != len(buffered.scale):
                buffered.scale, buffered.offset = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        return buffered

    def scratch(self, window: Window) -> NDArray[np.float32]:
        """Memory for intermediate results, float32 in the window's shape."""
        size = window.samples.size
        if self._scratch.size < size:
            self._scratch = np.zeros(size, np.float32)
        return self._scratch[:size].reshape(window.samples.shape)

    def _fits(self, size: int) -> bool:
        if self._used + size > self._counts.size:
            if self._counts.size == self._max_size or size > self._max_size:
                return False
            # Earlier windows of this batch keep their part of the old memory until the next batch.
            self._counts = np.zeros(min(self._max_size, max(size, 2 * self._counts.size)), np.int16)
            self._used = 0
        return self._used + size <= self._counts.size
