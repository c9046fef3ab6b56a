"""The demo's machines: bearings, speeds and seeds that the training data does not contain."""

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
class DemoMachine:
    """One simulated machine of the demo."""

    sensor: str
    story: str
    """What happens to it, for the view."""
    model: Machine
    fault: str | None
    severity_from: float
    severity_to: float

    @property
    def expected(self) -> str | None:
        """The condition that must be raised; None: no condition may be raised."""
        return self.fault


DEMO_MACHINES = (
    DemoMachine(
        "fan1-de",
        "healthy",
        Machine(Bearing(8, 9.0, 41.5, 12.0), 1483.0, (Resonance(1900.0, 0.04, 1.0), Resonance(3700.0, 0.03, 0.5)), 0.1),
        None, 0.0, 0.0,
    ),
    DemoMachine(
        "pump2-de",
        "inner race",
        Machine(Bearing(9, 7.1, 36.2), 2956.0, (Resonance(2300.0, 0.05, 1.0), Resonance(4200.0, 0.04, 0.7)), 0.12),
        "inner_race", 0.6, 0.6,
    ),
    DemoMachine(
        "press4-de",
        "outer race",
        Machine(Bearing(10, 8.3, 44.0, 8.0), 1782.0, (Resonance(3100.0, 0.03, 1.0), Resonance(1500.0, 0.06, 0.4)), 0.2),
        "outer_race", 0.6, 0.6,
    ),
    DemoMachine(
        "mill3-nde",
        "ball",
        Machine(Bearing(8, 8.8, 39.0), 2231.0, (Resonance(2700.0, 0.05, 1.0), Resonance(3900.0, 0.03, 0.6)), 0.1),
        "ball", 0.7, 0.7,
    ),
    DemoMachine(
        "conveyor5-de",
        "degrades",
        Machine(Bearing(9, 8.0, 40.5, 5.0), 1329.0, (Resonance(2100.0, 0.04, 1.0), Resonance(4600.0, 0.03, 0.5)), 0.1),
        "outer_race", 0.0, 0.8,
    ),
)  # fmt: skip


def record(machine: DemoMachine, seconds: float, index: int) -> Recording:
    """Simulate the signal of the machine's sensor; `index` selects the random numbers."""
    n_samples = int(seconds * SAMPLE_RATE_HZ)

    def synthesised(severity: float) -> NDArray[np.float32]:
        # The same random numbers each time: only the defect differs.
        rng = np.random.default_rng([SEED, index])
        return synthesise(machine.model, machine.fault, severity, n_samples, SAMPLE_RATE_HZ, rng)

    samples = synthesised(machine.severity_from)
    if machine.severity_to != machine.severity_from:
        samples = samples + growth(n_samples) * (synthesised(machine.severity_to) - samples)
    return Recording(
        name=machine.sensor,
        label=machine.fault or "normal",
        samples=samples[None, :],
        sample_rate_hz=SAMPLE_RATE_HZ,
        rpm=machine.model.rpm,
    )


def growth(n_samples: int) -> NDArray[np.float32]:
    """Return float32[n_samples]: 0 in the first third, 1 in the last, linear between."""
    return np.clip(3 * np.linspace(0, 1, n_samples, dtype=np.float32) - 1, 0, 1)
