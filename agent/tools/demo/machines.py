"""The demo's machines: bearings, speeds and seeds of their own, none of which the training has drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.bearing import Bearing
from drsn.model.data.recording import Recording
from drsn.model.data.synthetic import Machine, Resonance, synthesise

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 12_000.0
SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Actor:
    """One machine and its part in the play."""

    sensor: str
    story: str
    machine: Machine
    fault: str | None
    severity_from: float
    severity_to: float

    @property
    def expected(self) -> str | None:
        """The condition that must be raised; None: nothing may be."""
        return self.fault


ACTORS = (
    Actor(
        "fan1.de",
        "healthy",
        Machine(Bearing(8, 9.0, 41.5, 12.0), 1483.0, (Resonance(1900.0, 0.04, 1.0), Resonance(3700.0, 0.03, 0.5)), 0.1),
        None, 0.0, 0.0,
    ),
    Actor(
        "pump2.de",
        "inner race",
        Machine(Bearing(9, 7.1, 36.2), 2956.0, (Resonance(2300.0, 0.05, 1.0), Resonance(4200.0, 0.04, 0.7)), 0.12),
        "inner_race", 0.6, 0.6,
    ),
    Actor(
        "press4.de",
        "outer race",
        Machine(Bearing(10, 8.3, 44.0, 8.0), 1782.0, (Resonance(3100.0, 0.03, 1.0), Resonance(1500.0, 0.06, 0.4)), 0.2),
        "outer_race", 0.6, 0.6,
    ),
    Actor(
        "mill3.nde",
        "ball",
        Machine(Bearing(8, 8.8, 39.0), 2231.0, (Resonance(2700.0, 0.05, 1.0), Resonance(3900.0, 0.03, 0.6)), 0.1),
        "ball", 0.7, 0.7,
    ),
    Actor(
        "conveyor5.de",
        "degrades",
        Machine(Bearing(9, 8.0, 40.5, 5.0), 1329.0, (Resonance(2100.0, 0.04, 1.0), Resonance(4600.0, 0.03, 0.5)), 0.1),
        "outer_race", 0.0, 0.8,
    ),
)  # fmt: skip


def record(actor: Actor, seconds: float, index: int) -> Recording:
    """What the actor's sensor delivers in so many seconds."""
    n_samples = int(seconds * SAMPLE_RATE_HZ)

    def synthesised(severity: float) -> NDArray[np.float32]:
        # The same state each time: the machine stays itself, only the defect grows.
        rng = np.random.default_rng([SEED, index])
        return synthesise(actor.machine, actor.fault, severity, n_samples, SAMPLE_RATE_HZ, rng)

    samples = synthesised(actor.severity_from)
    if actor.severity_to != actor.severity_from:
        samples = samples + growth(n_samples) * (synthesised(actor.severity_to) - samples)
    return Recording(
        name=actor.sensor,
        label=actor.fault or "normal",
        samples=samples[None, :],
        sample_rate_hz=SAMPLE_RATE_HZ,
        rpm=actor.machine.rpm,
    )


def growth(n_samples: int) -> NDArray[np.float32]:
    """0 in the first third, 1 in the last, a straight line between: float32[n_samples]."""
    return np.clip(3 * np.linspace(0, 1, n_samples, dtype=np.float32) - 1, 0, 1)
