"""What the bearing detector finds in the windows of a record, and what it makes of the network's diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.backends.backend import Outputs
from drsn.agent.monitoring.bearing_monitor import BearingMonitor, KnownBearing
from drsn.agent.monitoring.fusion import fused, trusted
from drsn.agent.monitoring.monitors import MonitoredWindows
from drsn.agent.tools.evidence.replay import NO_MESSAGE, window_of
from drsn.model.bearing_detector import DEFECTS, HARMONICS, LINES
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.evidence.record import Record
    from drsn.agent.monitoring.bearing_monitor import FoundLines
    from drsn.agent.schema.bearing import AnyBearing

NAMES: Final = {"outer_race": "BPFO", "inner_race": "BPFI", "ball": "2 x BSF"}

SHOWN_LOG: Final = 2.0
"""A harmonic is named if its power is more than e squared, 7 times, that of the noise beside it."""


@dataclass(frozen=True)
class BearingFinding:
    """The evidence of the bearing detector at the end of a record."""

    nats: dict[str, float]
    """Defect -> log-likelihood ratio against a healthy bearing."""
    hz: dict[str, float]
    """Defect -> frequency of its first harmonic, where the lines fit best."""
    harmonics: dict[str, tuple[int, ...]]
    """Defect -> the harmonics that stand out of the noise."""
    seconds: float
    """Of signal, up to the last window."""
    network: dict[str, float]
    """P(condition) of the last window, by the network alone."""
    together: dict[str, float]
    """The same after the evidence is added."""

    def text(self) -> str:
        """One line: the network, the detector, and both."""
        defect = max(self.nats, key=self.nats.__getitem__)
        harmonics = ", ".join(map(str, self.harmonics[defect]))
        lines = f"harmonics {harmonics}" if harmonics else "no harmonic"
        return (
            f"network: {_most(self.network)}; bearing detector: {defect} {self.nats[defect]:+.1f} nats at "
            f"{NAMES[defect]} {self.hz[defect]:.1f} Hz, {lines}; together {_most(self.together)}"
        )

    def json(self) -> dict[str, Any]:
        """All numbers."""
        return {
            "nats": self.nats,
            "hz": self.hz,
            "harmonics": {name: list(found) for name, found in self.harmonics.items()},
            "seconds": self.seconds,
            "network": self.network,
            "together": self.together,
        }


def bearing_finding(record: Record, bearing: AnyBearing | None, rpm: float | None) -> BearingFinding | None:
    """Run the bearing detector over the windows of a record.

    Args:
        record: of one event; its own bearing has priority.
        bearing: of the sensor, as it is configured now.
        rpm: speed of the shaft, for windows whose packets did not give it.

    Returns:
        None: no bearing or no speed, or the windows are too few for the detector.
    """
    bearing = record.header.bearing or bearing
    if bearing is None:
        return None
    found, nats = _detected(record, KnownBearing(bearing.defect_orders, rpm, excludes=not bearing.estimated))
    if found is None:
        return None
    network, conditions = _by_condition(record), record.header.contract.conditions
    first = [LINES.index(str(n)) for n in range(1, HARMONICS + 1)]
    return BearingFinding(
        dict(zip(DEFECTS, found.nats.tolist(), strict=True)),
        dict(zip(DEFECTS, found.hz.tolist(), strict=True)),
        {
            name: tuple(n for n, at in enumerate(first, start=1) if logs[at] > SHOWN_LOG)
            for name, logs in zip(DEFECTS, found.logs, strict=True)
        },
        found.seconds,
        dict(zip(conditions, network[0].tolist(), strict=True)),
        dict(zip(conditions, fused(trusted(network, nats, conditions.index(NORMAL)), nats)[0].tolist(), strict=True)),
    )


def _detected(record: Record, known: KnownBearing) -> tuple[FoundLines | None, NDArray[np.float32]]:
    """What the detector finds after the last window, and its evidence, float32[1, conditions]."""
    header, contract, arrays = record.header, record.header.contract, record.arrays
    monitor = BearingMonitor(contract, lambda _sensor: known)
    monitor.begin(0, header.sensor)
    batcher, packet = Batcher(contract, 1, 0.0, lambda _sensor: header.ignored_faults), InFlight(NO_MESSAGE)
    nats: NDArray[np.float32] = np.zeros((1, len(contract.conditions)), np.float32)
    for row, (note, samples) in enumerate(zip(header.windows, record.samples, strict=True)):
        batcher.add(header.sensor, window_of(header, note, samples), packet, 0.0)
        batcher.measure()
        outputs = Outputs(arrays.probabilities[row : row + 1], arrays.novelty[row : row + 1], None)
        nats, _ = monitor(MonitoredWindows(batcher, outputs, np.zeros(1, np.intp), np.zeros(1, np.intp)))
        batcher.clear()
    return monitor.lines(0), nats


def _by_condition(record: Record) -> NDArray[np.float32]:
    """P(condition) of the last window by the network: float32[1, conditions]."""
    contract, last = record.header.contract, record.arrays.probabilities[-1]
    sums = [
        sum(float(p) for p, label in zip(last, contract.labels, strict=True) if label.condition == condition)
        for condition in contract.conditions
    ]
    return np.array([sums], np.float32)


def _most(probabilities: dict[str, float]) -> str:
    name = max(probabilities, key=probabilities.__getitem__)
    return f"{name} {probabilities[name]:.2f}"
