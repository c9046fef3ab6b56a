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


class TrendAggregator:
    """One record for each sensor, of the time since it was taken last."""

    def __init__(self) -> None:
        self._records = empty(_FIRST_SLOTS)
        self._slots: dict[str, int] = {}
        self._free: list[int] = []

    def add(self, sensors: Sequence[str], values: NDArray[np.float64]) -> None:
        """Add windows.

        Args:
            sensors: of the windows.
            values: float64[windows, metrics], in the order of `METRICS`; what is not finite does not count.
        """
        found = list(map(self._slots.get, sensors))
        slots = np.array([self._slot(name) for name in sensors] if None in found else found, np.intp)
        finite = np.isfinite(values)
        added = np.stack([finite, np.where(finite, values, 0.0)], axis=-1)  # COUNT and SUM
        most = np.where(finite, values, -np.inf)
        if len(set(slots.tolist())) == len(slots):
            part = self._records[slots]
            part[..., COUNT : SUM + 1] += added
            np.maximum(part[..., MOST], most, out=part[..., MOST])
            self._records[slots] = part
        else:
            np.add.at(self._records[..., COUNT : SUM + 1], slots, added)
            np.maximum.at(self._records[..., MOST], slots, most)

    def record(self, sensor: str) -> NDArray[np.float64]:
        """float64[metrics, 3]: the record of a sensor; empty if it has no window."""
        slot = self._slots.get(sensor)
        record: NDArray[np.float64] = empty(1)[0] if slot is None else self._records[slot].copy()
        return record

    def take(self) -> dict[str, NDArray[np.float64]]:
        """The records that are not empty, by sensor; all begin anew."""
        used = np.count_nonzero(self._records[..., COUNT], axis=1)
        taken = {sensor: self._records[slot].copy() for sensor, slot in self._slots.items() if used[slot]}
        self._records[:] = empty(1)
        return taken

    def forget(self, sensor: str) -> None:
        """Remove a sensor."""
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
    values = np.empty((len(rows), len(METRICS)))
    rms, peak = batch.rms[rows], batch.peak[rows]
    values[:, 0], values[:, 1], values[:, 2] = batch.velocity_rms_mm_s[rows], rms, peak
    values[:, 3] = np.divide(peak, rms, out=np.full(len(rows), np.nan), where=rms > 0)
    values[:, 4], values[:, 5] = batch.kurtosis[rows], healthy[rows]
    return values
