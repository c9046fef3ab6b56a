"""A preallocated ring of samples whose windows are contiguous views, without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


BYTES_A_SAMPLE = 8
"""Memory for each sample of a window: float32, written twice."""


class RingBuffer:
    """The last `window` samples of each channel, written twice so that any window is one contiguous view.

    Args:
        channels: number of channels.
        window: samples of a window.
        hop: samples from one window to the next, 1 to `window`.

    Raises:
        ValueError: `hop` is out of range.
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
        """Forget every sample: the next one does not follow the last one."""
        self._due = self.window
        self.pending = 0

    def push(self, samples: NDArray[np.float32], on_window: Callable[[NDArray[np.float32], int], None]) -> None:
        """Write float32[channels, n]; call `on_window` for each window that becomes complete.

        `on_window` takes the window, a view float32[channels, window] that is valid during the call, and the index in
        `samples` just behind the window's last sample.
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
                on_window(self._buffer[:, self._at : self._at + self.window], done)

    def _write(self, samples: NDArray[np.float32]) -> None:
        n = samples.shape[1]
        first = min(n, self.window - self._at)
        for start, part in ((self._at, samples[:, :first]), (0, samples[:, first:])):
            end = start + part.shape[1]
            self._buffer[:, start:end] = part
            self._buffer[:, start + self.window : end + self.window] = part
        self._at = (self._at + n) % self.window
