"""A ring of samples whose windows are contiguous views, without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


BYTES_A_SAMPLE = 8
"""Memory for each sample of a window, once a sample has to wait: float32, written twice."""


class RingBuffer:
    """The last `window` samples of each channel, written twice so that any window is one contiguous view.

    Windows that do not overlap, and that lie within one packet, are views of the packet. A sensor that sends nothing
    else needs no memory here.

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
        self._channels = channels
        self._buffer: NDArray[np.float32] | None = None  # until a sample has to wait
        self.nbytes = 0
        """Memory of the samples; 0 until one has to wait for its window."""
        self._at = 0  # where the next sample goes, < window
        self._due = window  # samples until a window is complete
        self.pending = 0
        """Samples that no window has held yet."""
        self.run = 0
        """Windows that were handed over since the last reset; if there are any, the next one follows without a gap."""

    def reset(self) -> None:
        """Forget every sample: the next one does not follow the last one."""
        self._due = self.window
        self.pending = 0
        self.run = 0

    def passes(self, samples: NDArray[np.float32]) -> bool:
        """Whether float32[channels, n] is one window that the ring need not keep: it waits for nothing."""
        return self._due == self.window == self.hop and samples.shape == (self._channels, self.window)

    def push(self, samples: NDArray[np.float32], on_window: Callable[[NDArray[np.float32], int], None]) -> None:
        """Add float32[channels, n]; call `on_window` for each window that becomes complete.

        `on_window` takes the window, a view float32[channels, window] that is valid during the call, and the index in
        `samples` just behind the window's last sample.
        """
        done, total, window = 0, samples.shape[1], self.window
        while done < total:
            if self._due == window == self.hop and total - done >= window:
                done += window
                on_window(samples if total == window else samples[:, done - window : done], done)
                self.run += 1
                continue
            take = min(self._due, total - done)
            buffer = self._write(samples if take == total else samples[:, done : done + take])
            done += take
            self._due -= take
            self.pending += take
            if self._due == 0:
                self._due = self.hop
                self.pending = 0
                on_window(buffer[:, self._at : self._at + window], done)
                self.run += 1

    def _write(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Write at most one window behind the last sample; return the buffer."""
        buffer, window, n = self._buffer, self.window, samples.shape[1]
        if buffer is None:
            buffer = self._buffer = np.zeros((self._channels, 2 * window), dtype=np.float32)
            self.nbytes = buffer.nbytes
        start, end = self._at, self._at + n
        if end <= window:
            buffer[:, start:end] = buffer[:, start + window : end + window] = samples
        else:
            first, rest = window - start, end - window
            buffer[:, start:window] = buffer[:, start + window :] = samples[:, :first]
            buffer[:, :rest] = buffer[:, window : window + rest] = samples[:, first:]
        self._at = end % window
        return buffer
