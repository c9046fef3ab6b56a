"""The bearing detector beside the network: the angle series of each sensor with a bearing and a speed.

A window is much shorter than what the detector needs, so the envelope of the last windows is kept for each sensor, over
the angle of its shaft. It begins again after a gap, a sensor fault or a standstill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from drsn.agent.acquisition.sensor_faults import NO_FAULT
from drsn.model.bearing_densities import DENSITIES
from drsn.model.bearing_detector import DEFECTS, detect, orders_array
from drsn.model.order_spectrum import BINS, LENGTH, Envelope, to_angle, usable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from drsn.agent.acquisition.window_batch import WindowBatch
    from drsn.agent.monitoring.monitors import MonitoredWindows
    from drsn.model.bearing import Orders
    from drsn.model.bearing_detector import Lines
    from drsn.model.contract import ModelContract

LEAST_NEW: Final = 0.2
"""Share of the series that must be new before it is evaluated again: what is nearly the same says nearly the same."""

SLOWEST_HZ: Final = 2.25
"""Nine revolutions, the shortest series that is evaluated, fit into four seconds from here on (135 rpm)."""

_KEPT: Final = np.dtype(
    [
        ("orders", np.float32, 4),
        ("rpm", np.float64),  # configured; NaN: only packets give it
        ("shaft_hz", np.float64),  # of the last window
        ("excludes", np.bool_),  # the orders are certain enough to count what is missing against a defect
        ("at", np.int64),  # place in the ring of the next value
        ("filled", np.int64),
        ("offset", np.float64),  # frames of the envelope, from the end of the last window to the next bin; not positive
        ("new", np.int64),  # values since the last evaluation
        ("nats", np.float32, len(DEFECTS)),  # of the last evaluation
    ]
)


class FoundLines(NamedTuple):
    """What the detector finds in the series of one sensor now."""

    nats: NDArray[np.float32]
    """float32[defects]: log-likelihood ratios, in the order of `DEFECTS`."""
    logs: NDArray[np.float32]
    """float32[defects, lines]: logarithm of power over noise, columns as `bearing_detector.LINES`."""
    hz: NDArray[np.float64]
    """float64[defects]: frequency of the first harmonic where it fits best: BPFO, BPFI, 2 x BSF."""
    seconds: float
    """Duration of the series."""


class KnownBearing(NamedTuple):
    """What the settings give of a sensor's bearing."""

    orders: Orders
    rpm: float | None
    """For packets that carry no speed; None: only packets give it."""
    excludes: bool
    """The orders are certain enough that a missing line counts against a defect."""


class BearingMonitor:
    """Weighs the defects of the sensors' bearings.

    Args:
        contract: of the model; defects that are none of its conditions are not weighed.
        bearing_of: sensor id -> its bearing; None: it has none, and is not monitored.
    """

    def __init__(self, contract: ModelContract, bearing_of: Callable[[str], KnownBearing | None]) -> None:
        self._bearing_of = bearing_of
        self._envelope = Envelope(contract.window, contract.sample_rate_hz, contract.bandwidth_hz)
        self._places = np.zeros(0, np.intp)
        """int[slots]: row of a sensor in the arrays below."""
        self._kept = np.zeros(0, _KEPT)
        self._series = np.zeros((0, LENGTH), np.float32)
        """float32[sensors, LENGTH]: a ring of each sensor."""
        conditions = contract.conditions
        self._columns = [(conditions.index(name), k) for k, name in enumerate(DEFECTS) if name in conditions]
        self._conditions = len(conditions)

    def concerns(self, sensor: str) -> bool:
        """True if the sensor has a bearing."""
        return self._bearing_of(sensor) is not None

    def begin(self, slot: int, sensor: str) -> None:
        """Begin with a sensor that has a bearing."""
        bearing = self._bearing_of(sensor)
        assert bearing is not None, "only sensors with a bearing are monitored"
        if slot >= len(self._places):
            grown = np.full(max(64, 2 * slot), -1, np.intp)
            grown[: len(self._places)] = self._places
            self._places = grown
        if self._places[slot] < 0:
            self._places[slot] = self._new_place()
        kept = np.zeros((), _KEPT)
        kept["orders"] = orders_array(bearing.orders)
        kept["rpm"] = np.nan if bearing.rpm is None else bearing.rpm
        kept["excludes"] = bearing.excludes
        self._kept[self._places[slot]] = kept

    def __call__(self, windows: MonitoredWindows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weigh the defects in each window.

        Returns:
            float32[windows, conditions of the contract]: log-likelihood of the whole series, 0 without evidence; and
            float32[windows]: the part of the series that a window is. A sum over windows takes only this part; of
            windows that overlap, it takes what is new in them, as for the network.
        """
        places, rows, batch, x = self._places[windows.slots], windows.rows, windows.batch, windows.x
        found = np.zeros((len(rows), len(DEFECTS)), np.float32)
        share = np.ones(len(rows), np.float32)
        for part in _rounds(places):
            found[part], share[part] = self._one_each(places[part], rows[part], batch, x[part])
        nats = np.zeros((len(rows), self._conditions), np.float32)
        for condition, defect in self._columns:
            nats[:, condition] = found[:, defect]
        return nats, share

    def lines(self, slot: int) -> FoundLines | None:
        """Evaluate the series of a sensor again, with the lines that it is from; None: it is too short."""
        places = self._places[slot : slot + 1]
        kept = self._kept[places]
        length = usable(kept["filled"], kept["shaft_hz"])
        if not length[0]:
            return None
        nats, found = self._evaluate(places, kept, length)
        shaft_hz = float(kept["shaft_hz"][0])
        hz = found.scale[0] * kept["orders"][0, : len(DEFECTS)] * shaft_hz
        return FoundLines(nats[0], found.logs[0], hz, float(length[0]) / BINS / shaft_hz)

    def _new_place(self) -> int:
        used = int(np.count_nonzero(self._places >= 0))
        if used == len(self._kept):
            more = max(8, used)
            self._kept = np.concatenate([self._kept, np.zeros(more, _KEPT)])
            self._series = np.concatenate([self._series, np.zeros((more, LENGTH), np.float32)])
        return used

    def _one_each(
        self, places: NDArray[np.intp], rows: NDArray[np.intp], batch: WindowBatch, x: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Append one window of each of some sensors, and evaluate the series that have enough new values."""
        kept = self._kept[places]
        rpm = batch.rpm[rows]
        shaft_hz = np.where(np.isnan(rpm), kept["rpm"], rpm) / 60
        runs = (shaft_hz >= SLOWEST_HZ) & (batch.fault[rows] == NO_FAULT)
        begins = batch.fresh[rows] | ~runs
        kept["filled"][begins], kept["offset"][begins], kept["nats"][begins] = 0, 0, 0
        kept["shaft_hz"] = shaft_hz = np.where(runs, shaft_hz, SLOWEST_HZ)
        advance = np.where(begins, 1.0, batch.advance_ns[rows] / batch.duration_ns[rows])
        counts = self._append(places, kept, x, shaft_hz, advance)
        kept["filled"][~runs] = 0
        length = usable(kept["filled"], shaft_hz)
        share = np.minimum(counts / advance / np.maximum(length, 1), 1).astype(np.float32)
        due = (length > 0) & (kept["new"] >= LEAST_NEW * length)
        kept["nats"][length == 0] = 0
        if np.count_nonzero(due):
            kept["nats"][due], _ = self._evaluate(places[due], kept[due], length[due])
            kept["new"][due] = 0
        self._kept[places] = kept
        return kept["nats"], share

    def _append(
        self,
        places: NDArray[np.intp],
        kept: NDArray[np.void],
        x: NDArray[np.float32],
        shaft_hz: NDArray[np.float64],
        advance: NDArray[np.float64],
    ) -> NDArray[np.intp]:
        """Write what is new in the envelopes into the rings; return how many values that is, of each."""
        envelope = self._envelope(x[:, 0])
        for channel in range(1, x.shape[1]):
            envelope += self._envelope(x[:, channel])
        frames = envelope.shape[1]
        per_bin = self._envelope.rate_hz / (BINS * shaft_hz)
        values, counts, kept["offset"] = to_angle(envelope, per_bin, frames * (1 - advance) + kept["offset"])
        columns = np.arange(values.shape[1])
        new = columns < counts[:, None]
        target = (places[:, None] * LENGTH + (kept["at"][:, None] + columns) % LENGTH)[new]
        self._series.ravel()[target] = values[new]
        kept["at"] = (kept["at"] + counts) % LENGTH
        kept["filled"] = np.minimum(kept["filled"] + counts, LENGTH)
        kept["new"] += counts
        return counts

    def _evaluate(
        self,
        places: NDArray[np.intp],
        kept: NDArray[np.void],
        length: NDArray[np.intp],
    ) -> tuple[NDArray[np.float32], Lines]:
        """Log-likelihood ratios of the newest values of each ring, float32[rows, defects], and their lines."""
        order = (kept["at"] - length)[:, None] + np.arange(LENGTH)  # what lies behind `length` has no weight
        series = self._series.ravel()[places[:, None] * LENGTH + order % LENGTH]
        top_order = (self._envelope.rate_hz / 2 / kept["shaft_hz"]).astype(np.float32)
        nats, lines = detect(series, length, kept["orders"], top_order, DENSITIES)
        # Where the orders may be wrong, a missing line is no evidence against a defect.
        return np.where(kept["excludes"][:, None], nats, np.maximum(nats, 0)), lines


def _rounds(places: NDArray[np.intp]) -> list[NDArray[np.intp] | slice]:
    """Positions of the first window of each sensor, then of the second, and so on."""
    if len(np.unique(places)) == len(places):
        return [slice(None)]
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order)) - starts
    return [np.flatnonzero(rank == k) for k in range(int(rank.max()) + 1)]
