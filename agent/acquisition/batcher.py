"""A micro-batch: windows of many sensors, conditioned into one preallocated array for one call of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.sensor_faults import WindowStats, find_fault
from drsn.model.conditioning import Conditioner

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from numpy.typing import NDArray

    from drsn.agent.acquisition.ack_tracker import InFlight
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.model.contract import ModelContract


MAX_RATES = 64
"""Conditioners that are kept. A plant has a handful of rates; one that drifts must not fill the memory."""


class Batcher:
    """Collects at most `max_windows` windows, each for at most `deadline_s`.

    Args:
        contract: contract of the model that the windows are for.
        max_windows: windows in one call of the network.
        deadline_s: longest time that a window waits for others.
        ignored_faults: sensor id -> names of the sensor faults that do not count for it.
        keep: called for each window while its samples are valid, with its row, the window and its statistics.
    """

    def __init__(
        self,
        contract: ModelContract,
        max_windows: int,
        deadline_s: float,
        ignored_faults: Callable[[str], Container[str]] = lambda _sensor: (),
        keep: Callable[[int, Window, WindowStats], None] | None = None,
    ) -> None:
        self.readings: list[Reading] = []
        self._packets: list[InFlight] = []  # of the readings
        self._contract = contract
        self._deadline_s = deadline_s
        self.ignored_faults = ignored_faults
        self._keep = keep
        self._due_s = 0.0
        self._x = np.zeros((max_windows, contract.channels, contract.window), dtype=np.float32)
        self._conditioners: dict[float, Conditioner] = {}

    def __len__(self) -> int:
        return len(self.readings)

    @property
    def full(self) -> bool:
        """True if there is no room for another window."""
        return len(self.readings) == len(self._x)

    @property
    def x(self) -> NDArray[np.float32]:
        """float32[windows, channels, window]: the conditioned windows, a view."""
        return self._x[: len(self.readings)]

    def wait_s(self, now_s: float) -> float | None:
        """Seconds that the oldest window may still wait; None when there is none, 0 when it is due."""
        return max(0.0, self._due_s - now_s) if self.readings else None

    def add(self, sensor: str, window: Window, in_flight: InFlight, now_s: float) -> None:
        """Condition a window into the next row; there must be room. `in_flight` is the packet that completed it."""
        if not self.readings:
            self._due_s = now_s + self._deadline_s
        native = window.samples
        self._conditioner(window.sample_rate_hz)(native, self._x[len(self.readings)])
        stats = WindowStats(native, clipped=window.clipped, rate_error=window.rate_error)
        if self._keep is not None:
            self._keep(len(self.readings), window, stats)
        self.readings.append(
            Reading(
                sensor=sensor,
                end_unix_ns=window.end_unix_ns,
                duration_ns=round(native.shape[-1] * 1e9 / window.sample_rate_hz),
                advance_ns=round(window.advance * 1e9 / window.sample_rate_hz),
                fresh=window.fresh,
                rms=stats.rms,
                peak=stats.peak,
                unit=window.unit,
                clock_synced=window.clock_synced,
                rpm=window.rpm,
                fault=find_fault(stats, self.ignored_faults(sensor)),
            )
        )
        self._packets.append(in_flight)
        in_flight.windows += 1

    def clear(self) -> None:
        """Remove the windows, and count them as finished in their packets."""
        for in_flight in self._packets:
            in_flight.windows -= 1
        self.readings, self._packets = [], []

    def _conditioner(self, sample_rate_hz: float) -> Conditioner:
        conditioner = self._conditioners.get(sample_rate_hz)
        if conditioner is None:
            if len(self._conditioners) >= MAX_RATES:
                self._conditioners.clear()
            c = self._contract
            conditioner = Conditioner(c.window, c.sample_rate_hz, c.bandwidth_hz, sample_rate_hz)
            self._conditioners[sample_rate_hz] = conditioner
        return conditioner
