"""Simulated bearings with what else a machine has in its signal, for fitting and measuring the bearing detector.

The machine is that of `drsn.model.data.synthetic`. Its company is what misleads envelope analysis: gear mesh with
sidebands, broadband noise that swells with the shaft (flow, blades, looseness), hum and its modulation, another bearing
at another speed, knocks, impacts once per revolution. A healthy bearing may have faint passages of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.conditioning import Conditioner
from drsn.model.data.synthetic import FAULTS, FULL_SEVERITY_RATIO, random_machine, synthesise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from drsn.model.bearing import Orders
    from drsn.model.data.synthetic import Machine

RATE_HZ, BANDWIDTH_HZ = 12_000.0, 5300.0
SPEEDS_RPM = (300.0, 12_000.0)
LONGEST_S, REVOLUTIONS = 4.2, 200.0
"""Length of a signal: so many seconds, but no more revolutions than two series of the detector."""

BLOCK = 4096
"""Signals are as long as a whole number of these: the FFT of a prime length takes ten times as long."""

SEVERITIES = (0.03, 1.0)
FAINT = 0.03
SNR_DB = (-10.0, 25.0)
RPM_ERROR = 0.003
"""Standard deviation of the speed that is given, relative to the true one."""


@dataclass(frozen=True)
class Simulated:
    """One recording of one simulated machine, and what is known of it."""

    samples: NDArray[np.float32]
    """float32[n], conditioned: at `RATE_HZ`, nothing above `BANDWIDTH_HZ`."""
    rpm: float
    """As it is given to the detector."""
    orders: Orders
    condition: str


def synthetic(rng: np.random.Generator, condition: str, snr_db: float | None = None) -> Simulated:
    """A random machine in a condition: `healthy` or one of the detector's defects.

    Args:
        rng: the same state gives the same recording.
        condition: `healthy`, `outer_race`, `inner_race` or `ball`.
        snr_db: of white noise on top of all; None: drawn from `SNR_DB`.
    """
    rpm = float(np.exp(rng.uniform(*np.log(SPEEDS_RPM))))
    machine = replace(random_machine(rng, (rpm, rpm)), background_g=1.0)
    samples = max(1, round(min(LONGEST_S, REVOLUTIONS * 60 / rpm) * RATE_HZ / BLOCK)) * BLOCK
    if condition == "healthy":
        faint = rng.uniform(0, FAINT) if rng.random() < 0.3 else 0.0
        fault, severity = str(rng.choice(FAULTS)), faint
    else:
        fault, severity = condition, float(np.exp(rng.uniform(*np.log(SEVERITIES))))
    signal = synthesise(machine, None, 0.0, samples, RATE_HZ, rng).astype(np.float64)
    if severity:
        signal += severity * FULL_SEVERITY_RATIO * _strikes(machine, fault, samples, rng)
    signal += _company(machine.shaft_hz, samples, rng)
    ratio_db = rng.uniform(*SNR_DB) if snr_db is None else snr_db
    signal += signal.std() * 10 ** (-ratio_db / 20) * rng.standard_normal(samples)
    conditioned = np.empty(samples, np.float32)
    Conditioner(samples, RATE_HZ, BANDWIDTH_HZ, RATE_HZ)(signal.astype(np.float32), conditioned)
    return Simulated(conditioned, rpm * (1 + RPM_ERROR * rng.standard_normal()), machine.bearing.orders, condition)


def _strikes(machine: Machine, fault: str, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The ringing of a defect's strikes, RMS about 1.

    Balls are unequal and loads rotate, so that the cage and the shaft modulate the strikes of any defect, too.
    """
    quiet = replace(machine, background_g=1e-6)
    strikes = 1e6 / FULL_SEVERITY_RATIO * synthesise(quiet, fault, 1.0, samples, RATE_HZ, rng).astype(np.float64)
    turns = machine.shaft_hz * np.arange(samples) / RATE_HZ
    for order, chance in ((machine.bearing.cage_order, 0.5), (1.0, 0.3)):
        if rng.random() < chance:
            angle, depth = 2 * np.pi * order * turns + rng.uniform(0, 6), rng.uniform(0, 0.9)
            strikes *= np.maximum(1 + depth * np.cos(angle) + 0.4 * depth * np.cos(2 * angle + rng.uniform(0, 6)), 0)
    return strikes


def _company(shaft_hz: float, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The sum of what the dice give; each part has its own level, 0.1 to 5 times the background."""
    seconds = np.arange(samples) / RATE_HZ
    angle = 2 * np.pi * shaft_hz * seconds
    parts: list[tuple[float, float, Callable[[], NDArray[np.float64]]]] = [
        (0.4, 0.7, lambda: _gear(shaft_hz, angle, rng)),
        (0.5, 0.5, lambda: _swelling(angle * rng.choice([0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9]), rng)),
        (0.2, 0.5, lambda: np.sin(2 * np.pi * rng.choice([50, 60]) * seconds)),
        (0.2, 0.3, lambda: _swelling(2 * np.pi * rng.choice([100, 120]) * seconds, rng)),
        (0.2, 0.2, lambda: _neighbour(samples, rng)),
        (0.2, 0.3, lambda: _impacts(rng.integers(0, samples, rng.poisson(2 * samples / RATE_HZ)), samples, rng)),
        (0.3, 0.2, lambda: _impacts(_once_a_turn(shaft_hz, samples, rng), samples, rng)),
    ]
    total = np.zeros(samples)
    for chance, most, make in parts:
        if rng.random() < chance:
            part = make()
            total += 10 ** rng.uniform(-1, most) * part / (np.sqrt(np.mean(np.square(part))) + 1e-12)
    return total


def _gear(shaft_hz: float, angle: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Gear mesh and two harmonics, with sidebands of this shaft and of the other."""
    teeth = int(rng.integers(12, 90))
    total = np.zeros_like(angle)
    for harmonic in (1, 2, 3):
        if harmonic * teeth * shaft_hz < BANDWIDTH_HZ:
            swell = 1 + rng.uniform(0, 0.8) * np.sin(angle + rng.uniform(0, 6))
            swell += rng.uniform(0, 0.4) * np.sin(rng.uniform(0.2, 0.9) * angle + rng.uniform(0, 6))
            total += rng.exponential() * swell * np.sin(harmonic * teeth * angle + rng.uniform(0, 6))
    return total


def _swelling(phase: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Broadband noise, or a band of it, whose amplitude follows a phase."""
    noise = rng.standard_normal(phase.size)
    if rng.random() < 0.5:
        hz = np.fft.rfftfreq(phase.size, 1 / RATE_HZ)
        shape = np.exp(-(((hz - rng.uniform(500, 5000)) / rng.uniform(200, 1500)) ** 2))
        noise = np.fft.irfft(np.fft.rfft(noise) * shape, phase.size)
    depth = rng.uniform(0.1, 0.9)
    return noise * np.maximum(1 + depth * np.cos(phase) + 0.4 * depth * np.cos(2 * phase + rng.uniform(0, 6)), 0)


def _neighbour(samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A defective bearing at another speed, whose strikes arrive here."""
    other = replace(random_machine(rng, (300.0, 3600.0)), background_g=0.001)
    return synthesise(other, str(rng.choice(FAULTS)), 1.0, samples, RATE_HZ, rng).astype(np.float64)


def _once_a_turn(shaft_hz: float, samples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    turns = np.arange(int(samples / RATE_HZ * shaft_hz)) + rng.uniform()
    return (turns / shaft_hz * RATE_HZ).astype(np.int64)


def _impacts(at: NDArray[np.int64], samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Impacts at these samples, each of which rings."""
    force = np.zeros(samples)
    np.add.at(force, at[at < samples], 1 + 0.3 * rng.standard_normal(np.count_nonzero(at < samples)))
    seconds = np.arange(800) / RATE_HZ
    rate = 2 * np.pi * rng.uniform(800, 5000)
    return np.convolve(force, np.exp(-0.05 * rate * seconds) * np.sin(rate * seconds))[:samples]
