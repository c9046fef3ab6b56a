"""Adds up what is measured on windows, sensor by sensor, in arrays; no disk, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.monitoring.trend_record import COUNT, METRICS, MOST, SUM, empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.agent.acquisition.window_batch import WindowBatch

_FIRST_SLOTS = 64  # doubled when they are used up


WAITING_WINDOWS = 1024
"""Windows that wait to be added up together: 13 operations on arrays cost as much for one batch as for 32."""


class TrendAggregator:
    """One record for each sensor, of the time since it was taken last.

    Args:
        waiting_windows: that are added up together.
    """

    def __init__(self, waiting_windows: int = WAITING_WINDOWS) -> None:
        self._records = empty(_FIRST_SLOTS)
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._waiting = 0
        """Windows that are not added up yet; their slots and values are the first rows of these arrays."""
        self._waiting_slots = np.zeros(waiting_windows, np.intp)
        self._waiting_values = np.zeros((waiting_windows, len(METRICS)))

    def add(self, sensors: Sequence[str], values: NDArray[np.float64]) -> None:
        """Add windows.

        Args:
            sensors: of the windows.
            values: float64[windows, metrics], in the order of `METRICS`; what is not finite does not count.
        """
        found = list(map(self._slots.get, sensors))
        slots = np.array([self._slot(name) for name in sensors] if None in found else found, np.intp)
        if self._waiting + len(slots) > len(self._waiting_slots):
            self._settle()
        if len(slots) > len(self._waiting_slots):
            self._add_up(slots, values)
            return
        rows = slice(self._waiting, self._waiting + len(slots))
        self._waiting_slots[rows], self._waiting_values[rows] = slots, values
        self._waiting = rows.stop

    def _add_up(self, slots: NDArray[np.intp], values: NDArray[np.float64]) -> None:
        """Add windows to the records of their slots."""
        if not len(slots):
            return
        order = np.argsort(slots, kind="stable")
        by_slot, values = slots[order], values[order]
        first = np.flatnonzero(np.diff(by_slot, prepend=-1))
        finite = np.isfinite(values)
        records = self._records[by_slot[first]]
        records[..., COUNT] += np.add.reduceat(finite, first, axis=0, dtype=np.float64)
        records[..., SUM] += np.add.reduceat(np.where(finite, values, 0.0), first, axis=0)
        most = np.maximum.reduceat(np.where(finite, values, -np.inf), first, axis=0)
        np.maximum(records[..., MOST], most, out=records[..., MOST])
        self._records[by_slot[first]] = records

    def _settle(self) -> None:
        """Add up what waits."""
        self._add_up(self._waiting_slots[: self._waiting], self._waiting_values[: self._waiting])
        self._waiting = 0

    def record(self, sensor: str) -> NDArray[np.float64]:
        """float64[metrics, 3]: the record of a sensor; empty if it has no window."""
        self._settle()
        slot = self._slots.get(sensor)
        record: NDArray[np.float64] = empty(1)[0] if slot is None else self._records[slot].copy()
        return record

    def take(self) -> dict[str, NDArray[np.float64]]:
        """The records that are not empty, by sensor; all begin anew."""
        self._settle()
        used = np.count_nonzero(self._records[..., COUNT], axis=1)
        taken = {sensor: self._records[slot].copy() for sensor, slot in self._slots.items() if used[slot]}
        self._records[:] = empty(1)
        return taken

    def forget(self, sensor: str) -> None:
        """Remove a sensor."""
        self._settle()
        slot = self._slots.pop(sensor, None)
        if slot is not None:
            self._records[slot] = empty(1)[0]
            self._free.append(slot)

    def _slot(self, sensor: str) -> int:
        slot = self._slots.get(sensor)
        if slot is None:
            slot = self._slots[sensor] = self._free.pop() if self._free else len(self._slots)
            if slot == len(self._records):
                self._records = np.concatenate([self._records, empty(len(self._records))])
        return slot


def metrics_of(batch: WindowBatch, rows: NDArray[np.intp], healthy: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[windows, metrics] of some rows of a batch, in the order of `METRICS`.

    Args:
        batch: its columns.
        rows: int[windows].
        healthy: float32[rows of the batch], P(healthy).
    """
    values, at = np.empty((len(rows), len(METRICS))), slice(batch.size) if len(rows) == batch.size else rows
    rms, peak = batch.rms[at], batch.peak[at]
    values[:, 0:5:4] = batch.levels[at]  # velocity and kurtosis
    values[:, 1], values[:, 2], values[:, 5] = rms, peak, healthy[at]
    values[:, 3] = np.nan
    np.divide(peak, rms, out=values[:, 3], where=rms > 0)
    return values
