"""A preallocated ring of samples that hands out windows as contiguous views, without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


BYTES_A_SAMPLE = 8
"""Of a window, twice as float32."""


class RingBuffer:
    """The last `window` samples of each channel, written twice so that any window is one contiguous view.

    Args:
        channels: rows.
        window: samples of a window.
        hop: samples from one window to the next, 1 to `window`.
    """

    def __init__(self, channels: int, window: int, hop: int) -> None:
        if not 1 <= hop <= window:
            raise ValueError(f"hop {hop} is not between 1 and the window's {window} samples")
        self.window = window
        self.hop = hop
        self._buffer = np.zeros((channels, 2 * window), dtype=np.float32)
        self.nbytes = self._buffer.nbytes
        self._at = 0  # where the next sample goes, < window
        self._due = window  # samples until a window is complete
        self.pending = 0
        """Samples that no window has held yet."""

    def reset(self) -> None:
        """Forget every sample: what comes next does not touch what came before."""
        self._due = self.window
        self.pending = 0

    def push(self, samples: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.float32], int]]:
        """Write float32[channels, n]; yield each window that becomes complete, and its end in `samples`.

        A window is a view float32[channels, window], valid until the next step of this iterator. The iterator
        must be run to its end, or samples are lost.
        """
        done, total = 0, samples.shape[1]
        while done < total:
            take = min(self._due, total - done)
            self._write(samples[:, done : done + take])
            done += take
            self._due -= take
            self.pending += take
            if self._due == 0:
                self._due = self.hop
                self.pending = 0
                yield self._buffer[:, self._at : self._at + self.window], done

    def _write(self, samples: NDArray[np.float32]) -> None:
        n = samples.shape[1]
        first = min(n, self.window - self._at)
        for start, part in ((self._at, samples[:, :first]), (0, samples[:, first:])):
            end = start + part.shape[1]
            self._buffer[:, start:end] = part
            self._buffer[:, start + self.window : end + self.window] = part
        self._at = (self._at + n) % self.window
