"""The windows of a batch that have one sample rate: their samples lie in one array, so that one operation does all."""

from __future__ import annotations

import math
from struct import Struct
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.acquisition.fault_screen import FaultScreen
from drsn.model.conditioning import Conditioner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.agent.acquisition.window_batch import WindowBatch
    from drsn.model.contract import ModelContract


_ROW: Final = Struct("=qdd?7x")
_ROW_DTYPE: Final = np.dtype(
    [("advance", "i8"), ("rate_error", "f8"), ("count", "f8"), ("clipped", "?"), ("padding", "V7")]
)


class RateGroup:
    """The rows of one sample rate.

    Args:
        contract: contract of the model that the windows are for.
        sample_rate_hz: of the windows.
        max_windows: most rows; the arrays grow to what one batch needs.
    """

    def __init__(self, contract: ModelContract, sample_rate_hz: float, max_windows: int) -> None:
        self.rows: list[int] = []
        """Row in the batch of each window here."""
        self.sample_rate_hz = sample_rate_hz
        self._conditioner = Conditioner(contract.window, contract.sample_rate_hz, contract.bandwidth_hz, sample_rate_hz)
        self._screen = FaultScreen(contract.channels, self._conditioner.native_window)
        self.native: NDArray[np.float32] = np.zeros((1, contract.channels, self._conditioner.native_window), np.float32)
        """float32[capacity, channels, samples]: the windows as they were sampled."""
        self.duration_ns = round(self._conditioner.native_window * 1e9 / sample_rate_hz)
        """Of each window."""
        self._bytes = bytearray(max_windows * _ROW.size)
        rows = np.frombuffer(self._bytes, _ROW_DTYPE)
        self.advance: NDArray[np.int64] = rows["advance"]
        """Samples of each window that no earlier window held."""
        self.clipped: NDArray[np.bool_] = rows["clipped"]
        self.rate_error: NDArray[np.float64] = rows["rate_error"]
        self.count: NDArray[np.float64] = rows["count"]
        """Unit per count of packets with 16-bit counts; NaN: other packets."""

    @property
    def nbytes(self) -> int:
        """Memory of the arrays that grow with the rate."""
        return self.native.nbytes + self._screen.nbytes

    def add(self, row: int, window: Window) -> int:
        """Copy a window; return its row here. `row` is its row in the batch."""
        at = len(self.rows)
        if at == len(self.native):
            self.native = np.concatenate([self.native, np.zeros_like(self.native)])
        self.native[at] = window.samples
        count = math.nan if window.count is None else window.count
        _ROW.pack_into(self._bytes, at * _ROW.size, window.advance, window.rate_error, count, window.clipped)
        self.rows.append(row)
        return at

    def measure(self, batch: WindowBatch, x: NDArray[np.float32]) -> None:
        """Condition the windows into their rows of float32[rows, channels, window], and measure them into `batch`."""
        size = len(self.rows)
        native, rows = self.native[:size], self.rows
        found = self._screen(native, self.clipped[:size], self.rate_error[:size])
        if size == batch.size:  # the only rate of the batch: its rows are those of the batch
            at: slice | list[int] = slice(size)
            self._conditioner(native, x[:size])
        else:
            at = rows
            conditioned = np.empty((size, *x.shape[1:]), np.float32)
            self._conditioner(native, conditioned)
            x[rows] = conditioned
        batch.rms[at], batch.peak[at], batch.fault[at] = found.rms, found.peak, found.fault

    def clear(self) -> None:
        """Remove the rows."""
        self.rows.clear()
