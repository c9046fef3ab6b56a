"""A micro-batch: windows of many sensors, conditioned into one preallocated array for one call of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.rate_group import RateGroup
from drsn.agent.acquisition.sensor_faults import FAULT_NAMES, NO_FAULT
from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.model.shaft_angle import shaft_angle

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from numpy.typing import NDArray

    from drsn.agent.acquisition.ack_tracker import InFlight
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.model.contract import ModelContract

MAX_RATES = 64
"""Sample rates whose arrays are kept. A plant has a handful of rates; one that drifts must not fill the memory."""

MAX_BYTES = 32 << 20
"""Samples of one batch as they were sampled: 4,096 windows of 2,048 samples, or 49 at 1 MHz instead of 12 kHz. A batch
ends early if the next window does not fit. Arrays of more bytes are freed after the batch."""


class Batcher:
    """Collects at most `max_windows` windows, each for at most `deadline_s`.

    A window waits for others only if the batch before had others: on a quiet plant it is diagnosed at once.

    A window is copied when it is added. Conditioning and measuring are done for all of them at once, by `measure`.

    Args:
        contract: contract of the model that the windows are for.
        max_windows: windows in one call of the network.
        deadline_s: longest time that a window waits for others.
        ignored_faults: sensor id -> names of the sensor faults that do not count for it.
        max_bytes: of the windows as they were sampled.
    """

    def __init__(
        self,
        contract: ModelContract,
        max_windows: int,
        deadline_s: float,
        ignored_faults: Callable[[str], Container[str]] = lambda _sensor: (),
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.batch = WindowBatch(max_windows)
        self.ignored_faults = ignored_faults
        self._packets: list[InFlight] = []  # of the rows
        self._contract, self._deadline_s, self._max_bytes = contract, deadline_s, max_bytes
        self._due_s, self._alone = 0.0, True  # alone: the batch before had one window at most
        self._x = np.zeros((max_windows, contract.input_channels, contract.window), dtype=np.float32)
        self._groups: dict[float, RateGroup] = {}
        self.places: list[tuple[RateGroup, int, NDArray[np.float32] | None]] = []
        """Where the samples of each row lie as they were sampled: the group, the row in it, and the window's own array
        if nothing changes it."""
        self._bytes = 0  # of the rows' samples

    def __len__(self) -> int:
        return self.batch.size

    @property
    def full(self) -> bool:
        """True if there is no room for another window."""
        return self.batch.size == len(self._x)

    @property
    def x(self) -> NDArray[np.float32]:
        """float32[windows, input channels, window]: the windows that `measure` has conditioned, a view."""
        return self._x[: self.batch.size]

    @property
    def signal(self) -> NDArray[np.float32]:
        """float32[windows, channels, window]: `x` without the shaft's angle of the order domain."""
        return self.x[:, : self._contract.channels]

    @property
    def groups(self) -> list[RateGroup]:
        """The rate groups of this batch."""
        return [group for group in self._groups.values() if group.rows]

    @property
    def rates_hz(self) -> tuple[float, ...]:
        """Sample rates whose arrays are kept."""
        return tuple(self._groups)

    def wait_s(self, now_s: float) -> float | None:
        """Seconds that the oldest window may still wait; None when there is none, 0 when it is due."""
        return max(0.0, self._due_s - now_s) if self.batch.size else None

    def fits(self, window: Window) -> bool:
        """True if there is room for this window; there always is in an empty batch."""
        return not self.batch.size or (not self.full and self._bytes + window.samples.nbytes <= self._max_bytes)

    def add(self, sensor: str, window: Window, in_flight: InFlight, now_s: float) -> None:
        """Copy a window into the next row; there must be room. `in_flight` is the packet that completed it."""
        batch, rate_hz, samples = self.batch, window.sample_rate_hz, window.samples
        row = batch.size
        if not row:
            self._due_s = now_s + (0.0 if self._alone else self._deadline_s)
        group = self._groups.get(rate_hz) or self._new_group(rate_hz)
        self.places.append((group, group.add(row, window), samples if window.lasting else None))
        self._bytes += samples.nbytes
        duration_ns, n = group.duration_ns, samples.shape[1]
        advance_ns = duration_ns if window.advance == n else round(window.advance * 1e9 / rate_hz)
        batch.add(sensor, window, duration_ns, advance_ns)
        self._packets.append(in_flight)
        in_flight.windows += 1

    def measure(self) -> WindowBatch:
        """Condition all windows, measure RMS and peak, and find the sensor faults; return the batch.

        In the order domain the last channel of `x` is the shaft's angle.
        """
        batch = self.batch
        contract = self._contract
        for group in self.groups:
            group.measure(batch, self.signal)
        if contract.domain == "order":  # a window without a speed has an angle of 0, which the graph refuses
            self.x[:, -1] = shaft_angle(batch.rpm[: batch.size], contract.window, contract.sample_rate_hz)
        for row in np.flatnonzero(batch.fault[: batch.size] != NO_FAULT).tolist():
            if FAULT_NAMES[batch.fault[row]] in self.ignored_faults(batch.sensors[row]):
                batch.fault[row] = NO_FAULT
        return batch

    def clear(self) -> None:
        """Remove the windows, and count them as finished in their packets."""
        self._alone = len(self._packets) <= 1
        for in_flight in self._packets:
            in_flight.windows -= 1
        self._packets, self.places, self._bytes = [], [], 0
        for group in self._groups.values():
            group.clear()
        if sum(group.nbytes for group in self._groups.values()) > self._max_bytes:
            self._groups = {}
        self.batch.clear()

    def _new_group(self, sample_rate_hz: float) -> RateGroup:
        """Make the arrays for one more rate; at the limit, those of the rates that have no row now are freed."""
        if len(self._groups) >= MAX_RATES:
            self._groups = {rate_hz: group for rate_hz, group in self._groups.items() if group.rows}
        group = self._groups[sample_rate_hz] = RateGroup(self._contract, sample_rate_hz, len(self._x))
        return group
