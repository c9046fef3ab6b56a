"""All monitors of an agent: each evaluates the windows of the sensors that concern it; the results join in `Findings`.

A monitor keeps its state by slot: a small number that a sensor has until it is forgotten. So its state can be arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from drsn.agent.acquisition.notice import Notices
from drsn.agent.monitoring.findings import NO_MONITOR, OBSERVED, Findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from drsn.agent.acquisition.batcher import Batcher
    from drsn.agent.acquisition.window_batch import WindowBatch
    from drsn.agent.backends.backend import Outputs

_FIRST_SLOTS = 64  # doubled when they are used up


class NativeWindows(NamedTuple):
    """Some of the windows, all of one sample rate, as they were sampled."""

    sample_rate_hz: float
    samples: NDArray[np.float32]
    """float32[windows, channels, samples], in the unit of the sensor; valid until the batch is cleared."""
    at: NDArray[np.intp]
    """int[windows]: position of each in `MonitoredWindows.rows`."""


@dataclass(frozen=True, slots=True)
class MonitoredWindows:
    """The windows of a batch that one monitor evaluates. The arrays are valid until the batch is cleared."""

    batcher: Batcher
    outputs: Outputs
    rows: NDArray[np.intp]
    """int[windows], rising: their rows in the batch. A sensor may have several, the oldest first."""
    slots: NDArray[np.intp]
    """int[windows]: slot of the sensor of each."""

    @property
    def batch(self) -> WindowBatch:
        """The columns of the whole batch; `batch.rpm[rows]` are those of these windows."""
        return self.batcher.batch

    @property
    def x(self) -> NDArray[np.float32]:
        """float32[windows, channels, samples]: conditioned, at the rate of the contract; no copy if it is all rows."""
        x = self.batcher.signal
        return x if len(self.rows) == len(x) else x[self.rows]

    def native(self) -> Iterator[NativeWindows]:
        """The windows as they were sampled, one part for each sample rate; no copy where a part is a whole group."""
        position = np.full(len(self.batcher), -1, np.intp)
        position[self.rows] = np.arange(len(self.rows))
        for group in self.batcher.groups:
            at = position[group.rows]
            mine = at >= 0
            samples = group.native[: len(group.rows)]
            if mine.all():
                yield NativeWindows(group.sample_rate_hz, samples, at)
            elif mine.any():
                yield NativeWindows(group.sample_rate_hz, samples[mine], at[mine])


class WindowMonitor(Protocol):
    """Evaluates the windows of the sensors that concern it."""

    def concerns(self, sensor: str) -> bool:
        """Whether it evaluates this sensor. Asked at the sensor's first window, and after `Monitors.renew`."""
        ...

    def begin(self, slot: int, sensor: str) -> None:
        """Begin with a sensor that concerns it, or begin again; what it keeps of the slot may be of another sensor."""
        ...


class ConditionMonitor(WindowMonitor, Protocol):
    """Finds one of the conditions `OBSERVED`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its labels, which never change: what changed, or the zones."""
        ...

    def __call__(self, windows: MonitoredWindows) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Evaluate windows.

        Returns:
            float32[windows]: log-likelihood ratio for the condition, in nats, or `NOT_EVALUATED`; int8[windows]: index
            into `labels`.
        """
        ...


class EvidenceMonitor(WindowMonitor, Protocol):
    """Finds the damage frequencies of a bearing whose geometry and speed are known."""

    def __call__(self, windows: MonitoredWindows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Evaluate windows.

        Returns:
            float32[windows, conditions of the contract]: log-likelihood to add to the network's; 0: no evidence; and
            float32[windows]: the part of it that a sum over windows may take, for it is of several windows.
        """
        ...


class BatchMonitor(Protocol):
    """Evaluates whole batches, as `Monitors` does."""

    notices: Notices
    """Takes the warnings of the monitors."""

    def __call__(self, batcher: Batcher, outputs: Outputs, /) -> Findings | None:
        """Evaluate a batch; None: no sensor of it has a monitor."""
        ...


class Monitors:
    """Calls the monitors of an agent. One that concerns no sensor of a batch is not called.

    Args:
        conditions: of the contract, columns of the bearing detector's result.
        bearing: None: no sensor has a bearing.
        changed: raises `changed`; None: nothing does.
        vibration_level: raises `vibration_level`; None: nothing does.
        notices: takes the warnings of the monitors.
    """

    def __init__(
        self,
        conditions: Sequence[str],
        bearing: EvidenceMonitor | None = None,
        changed: ConditionMonitor | None = None,
        vibration_level: ConditionMonitor | None = None,
        notices: Notices | None = None,
    ) -> None:
        self._conditions = len(conditions)
        self._bearing, self._observers = bearing, (changed, vibration_level)
        self.notices = Notices() if notices is None else notices
        """Warnings of the monitors."""
        self.labels = tuple(() if each is None else each.labels for each in self._observers)
        """As in `Findings`."""
        self._monitors: list[WindowMonitor | None] = [bearing, *self._observers]
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._concerned = np.zeros((len(self._monitors), _FIRST_SLOTS), np.bool_)
        """bool[monitors, slots]: the monitor evaluates the sensor with the slot."""
        self._any_concerned = False
        """A monitor has evaluated a sensor so far."""

    def __call__(self, batcher: Batcher, outputs: Outputs) -> Findings | None:
        """Evaluate a batch.

        Args:
            batcher: has measured its windows.
            outputs: of the network, for the same rows.

        Returns:
            None: no sensor of the batch has a monitor.
        """
        sensors = batcher.batch.sensors
        found = list(map(self._slots.get, sensors))
        if None in found:
            found = [self._slot(sensor) for sensor in sensors]
        if not self._any_concerned:
            return None
        slots = np.array(found, np.intp)
        concerned = self._concerned[:, slots]
        if not np.count_nonzero(concerned):
            return None
        size = len(slots)
        nats = np.full((size, len(OBSERVED)), NO_MONITOR, np.float32)
        label = np.zeros((size, len(OBSERVED)), np.int8)
        for column, (observer, mine) in enumerate(zip(self._observers, concerned[1:], strict=True)):
            if observer is not None and np.count_nonzero(mine):
                rows = np.flatnonzero(mine)
                windows = MonitoredWindows(batcher, outputs, rows, slots[rows])
                nats[rows, column], label[rows, column] = observer(windows)
        bearing_nats = bearing_share = None
        if self._bearing is not None and np.count_nonzero(concerned[0]):
            rows = np.flatnonzero(concerned[0])
            bearing_nats = np.zeros((size, self._conditions), np.float32)
            bearing_share = np.ones(size, np.float32)
            windows = MonitoredWindows(batcher, outputs, rows, slots[rows])
            bearing_nats[rows], bearing_share[rows] = self._bearing(windows)
        return Findings(bearing_nats, nats, label, self.labels, bearing_share)

    def renew(self, sensor: str) -> None:
        """Ask again which monitors evaluate a sensor: its baseline was learnt or removed."""
        slot = self._slots.get(sensor)
        if slot is not None:
            self._ask(slot, sensor)

    def forget(self, sensor: str) -> None:
        """Remove a sensor; another one may get its slot."""
        slot = self._slots.pop(sensor, None)
        if slot is not None:
            self._free.append(slot)

    def _slot(self, sensor: str) -> int:
        slot = self._slots.get(sensor)
        if slot is None:
            slot = self._slots[sensor] = self._free.pop() if self._free else len(self._slots)
            if slot == self._concerned.shape[1]:
                self._concerned = np.concatenate([self._concerned, np.zeros_like(self._concerned)], axis=1)
            self._ask(slot, sensor)
        return slot

    def _ask(self, slot: int, sensor: str) -> None:
        """Begin with a sensor in each monitor that it concerns."""
        for concerned, monitor in zip(self._concerned, self._monitors, strict=True):
            concerned[slot] = False
            if monitor is not None and monitor.concerns(sensor):
                concerned[slot] = self._any_concerned = True
                monitor.begin(slot, sensor)
