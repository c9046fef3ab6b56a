"""A batch of windows as a structure of arrays: one array for each property, one row for each window."""

from __future__ import annotations

import math
from struct import Struct
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.sensor_faults import FAULT_NAMES, NO_FAULT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.sensor_stream import Window


_ROW: Final = Struct("=qqqd???5x")
_ROW_DTYPE: Final = np.dtype(
    [("times", "i8", (3,)), ("rpm", "f8"), ("fresh", "?"), ("joined", "?"), ("clock_synced", "?"), ("padding", "V5")]
)
"""What the sensor reports of a window: one call of `Struct` writes it in the time that one number of an array takes."""


class WindowBatch:
    """Columns for at most `max_windows` windows, allocated once; the first `size` rows are in use."""

    def __init__(self, max_windows: int) -> None:
        self.size = 0
        self.sensors: list[str] = []
        """Id of each window's sensor."""
        self.units: list[str | None] = []
        self._bytes = bytearray(max_windows * _ROW.size)
        self._reported = np.frombuffer(self._bytes, _ROW_DTYPE)
        self.times: NDArray[np.int64] = self._reported["times"]
        """int64[max_windows, 3]: the columns `end_unix_ns`, `duration_ns` and `advance_ns`."""
        self.fresh: NDArray[np.bool_] = self._reported["fresh"]
        """The window must not vote together with the windows before it."""
        self.rpm: NDArray[np.float64] = self._reported["rpm"]
        """Shaft speed as the packet gives it; NaN: it does not."""
        self.rms = np.zeros(max_windows)
        """RMS of the AC part, in the sensor's unit."""
        self.peak = np.zeros(max_windows)
        """Largest distance from the mean, in the sensor's unit."""
        self.levels = np.full((max_windows, 2), math.nan)
        """float64[max_windows, 2]: the columns `velocity_rms_mm_s` and `kurtosis`, which a monitor measures."""
        self.fault = np.full(max_windows, NO_FAULT, np.int8)
        """Code of the sensor fault that the window shows (`sensor_faults.FAULT_NAMES`), or `NO_FAULT`."""

    @property
    def joined(self) -> NDArray[np.bool_]:
        """bool[max_windows]: the new samples directly follow the last sample of the sensor's window before."""
        return self._reported["joined"]

    @property
    def clock_synced(self) -> NDArray[np.bool_]:
        """bool[max_windows]: the sensor's clock is synchronised."""
        return self._reported["clock_synced"]

    @property
    def end_unix_ns(self) -> NDArray[np.int64]:
        """int64[max_windows]: time of the last sample since 1970."""
        return self.times[:, 0]

    @property
    def duration_ns(self) -> NDArray[np.int64]:
        """int64[max_windows]: duration of the window."""
        return self.times[:, 1]

    @property
    def advance_ns(self) -> NDArray[np.int64]:
        """int64[max_windows]: duration of the samples that no earlier window held."""
        return self.times[:, 2]

    @property
    def velocity_rms_mm_s(self) -> NDArray[np.float64]:
        """float64[max_windows]: RMS velocity of the sensor by its last measurement; NaN: none."""
        return self.levels[:, 0]

    @property
    def kurtosis(self) -> NDArray[np.float64]:
        """float64[max_windows]: of the channel where it is highest, 3 for Gaussian noise; NaN: not measured."""
        return self.levels[:, 1]

    def add(self, sensor: str, window: Window, duration_ns: int, advance_ns: int) -> None:
        """Add a window that is not measured yet; there must be room."""
        rpm = math.nan if window.rpm is None else window.rpm
        reported = window.end_unix_ns, duration_ns, advance_ns, rpm, window.fresh, window.joined, window.clock_synced
        _ROW.pack_into(self._bytes, self.size * _ROW.size, *reported)
        self.sensors.append(sensor)
        self.units.append(window.unit)
        self.size += 1

    def append(self, reading: Reading) -> None:
        """Add one window that was measured already."""
        row, fault = self.size, reading.fault
        self.times[row] = reading.end_unix_ns, reading.duration_ns, reading.advance_ns
        self.fresh[row], self.clock_synced[row] = reading.fresh, reading.clock_synced
        self.rpm[row] = math.nan if reading.rpm is None else reading.rpm
        self.rms[row], self.peak[row] = reading.rms, reading.peak
        self.velocity_rms_mm_s[row] = math.nan if reading.velocity_rms_mm_s is None else reading.velocity_rms_mm_s
        self.kurtosis[row] = math.nan if reading.kurtosis is None else reading.kurtosis
        self.fault[row] = NO_FAULT if fault is None else FAULT_NAMES.index(fault)
        self.sensors.append(reading.sensor)
        self.units.append(reading.unit)
        self.size += 1

    def reading(self, row: int) -> Reading:
        """One window as an object."""
        fault = int(self.fault[row])
        rpm, velocity_rms_mm_s, kurtosis = (
            None if math.isnan(value := float(column[row])) else value
            for column in (self.rpm, self.velocity_rms_mm_s, self.kurtosis)
        )
        end_unix_ns, duration_ns, advance_ns = self.times[row].tolist()
        return Reading(
            sensor=self.sensors[row],
            end_unix_ns=end_unix_ns,
            duration_ns=duration_ns,
            fresh=bool(self.fresh[row]),
            rms=float(self.rms[row]),
            peak=float(self.peak[row]),
            unit=self.units[row],
            clock_synced=bool(self.clock_synced[row]),
            advance_ns=advance_ns,
            rpm=rpm,
            fault=None if fault == NO_FAULT else FAULT_NAMES[fault],
            velocity_rms_mm_s=velocity_rms_mm_s,
            kurtosis=kurtosis,
        )

    def clear(self) -> None:
        """Remove all rows."""
        self.levels[: self.size] = math.nan
        self.size = 0
        self.sensors, self.units = [], []
