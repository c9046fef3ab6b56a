"""Vibration of a bearing, healthy or defective, from physics; numpy only, seeded, fast.

Each passage over a defect strikes the structure, which rings down at its resonances. What tells the defects
apart is their rhythm and how the load zone modulates it (Randall and Antoni, MSSP 25(2), 2011):

    outer_race  BPFO, even: the defect stays where the load is
    inner_race  BPFI, swelling and fading once per shaft revolution, as the defect passes the load zone
    ball        2 x BSF, swelling and fading once per cage revolution; the two races answer unequally

The rhythm slips by a per cent or two and the speed wanders, so lines smear as they do in the plant. Behind it
lie shaft harmonics, rolling noise that rings in the same structure, and the sensor's own noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.bearing import SKF_6205, Bearing, zone_load
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAULTS = ("ball", "inner_race", "outer_race")

FULL_SEVERITY_RATIO = 4.0
"""RMS of the strikes over RMS of the background at severity 1; it falls in proportion, to 0 at severity 0."""

RING_DOWN = 7.0
"""A strike is followed until it has decayed by exp(-7), below one thousandth."""


@dataclass(frozen=True)
class Resonance:
    """One mode of the structure between bearing and sensor."""

    frequency_hz: float
    damping_ratio: float
    gain: float

    def response(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Acceleration after a unit strike at time 0; zero before it."""
        rate = 2 * np.pi * self.frequency_hz
        after = np.maximum(time_s, 0.0)
        return self.gain * np.exp(-self.damping_ratio * rate * after) * np.sin(rate * after)

    @property
    def duration_s(self) -> float:
        """Duration of the ringing in seconds."""
        return RING_DOWN / (self.damping_ratio * 2 * np.pi * self.frequency_hz)


@dataclass(frozen=True)
class Machine:
    """A simulated rotating machine with one sensor. `background_g` is the RMS of everything but the defect."""

    bearing: Bearing = SKF_6205
    rpm: float = 1797.0
    resonances: tuple[Resonance, ...] = (
        Resonance(frequency_hz=2750.0, damping_ratio=0.05, gain=1.0),
        Resonance(frequency_hz=3900.0, damping_ratio=0.03, gain=0.6),
    )
    background_g: float = 0.1
    harmonic_share: float = 0.3
    rolling_share: float = 0.5
    speed_ripple: float = 0.002
    slip: float = 0.01
    load_zone: float = 0.45

    @property
    def shaft_hz(self) -> float:
        """Revolutions per second."""
        return self.rpm / 60


def random_machine(rng: np.random.Generator, rpm: tuple[float, float] = (1000.0, 3600.0)) -> Machine:
    """Draw a random machine: geometry, speed within `rpm`, structure, background, clearance."""
    pitch_mm = 40.0
    ball_mm = pitch_mm * rng.uniform(0.16, 0.28)
    most = int(np.pi * pitch_mm / (1.1 * ball_mm))  # the cage needs a tenth of each ball's room
    modes = int(rng.integers(2, 5))
    harmonic_share = rng.uniform(0.0, 0.6)
    return Machine(
        bearing=Bearing(int(rng.integers(7, min(most, 14) + 1)), ball_mm, pitch_mm, rng.uniform(0.0, 30.0)),
        rpm=rng.uniform(*rpm),
        resonances=tuple(
            Resonance(rng.uniform(1200.0, 5000.0), rng.uniform(0.02, 0.08), rng.uniform(0.3, 1.0)) for _ in range(modes)
        ),
        background_g=10 ** rng.uniform(-2.0, 0.0),
        harmonic_share=harmonic_share,
        rolling_share=rng.uniform(0.0, 1.0 - harmonic_share),
        speed_ripple=rng.uniform(0.0, 0.004),
        slip=rng.uniform(0.002, 0.02),
        load_zone=rng.uniform(0.3, 0.5),
    )


def synthesise(
    machine: Machine,
    fault: str | None,
    severity: float,
    n_samples: int,
    sample_rate_hz: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Synthesise acceleration in g: float32[n_samples].

    Args:
        machine: what runs.
        fault: one of `FAULTS`; None is healthy.
        severity: 0 (as good as healthy) to 1 (strikes of four times the background's RMS).
        n_samples: length.
        sample_rate_hz: of the result; resonances above half of it are left out.
        rng: the same state gives the same samples.

    Raises:
        UsageError: an unknown fault or a severity outside 0..1.
    """
    if fault is not None and fault not in FAULTS:
        raise UsageError(f"synthetic bearing: unknown fault {fault!r}; use one of {', '.join(FAULTS)} or None")
    if not 0 <= severity <= 1:
        raise UsageError(f"synthetic bearing: severity {severity} lies outside 0..1")
    time_s = np.arange(n_samples) / sample_rate_hz
    turns = _shaft_turns(machine, time_s, rng)
    signal = machine.background_g * _background(machine, turns, sample_rate_hz, rng)
    if fault is not None and severity > 0:
        strikes = _strikes(machine, fault, turns, sample_rate_hz, rng)
        signal += severity * FULL_SEVERITY_RATIO * machine.background_g * strikes
    return signal.astype(np.float32)


def _unit_rms(x: NDArray[np.float64]) -> NDArray[np.float64]:
    rms = float(np.sqrt(np.mean(np.square(x))))
    return x / rms if rms > 0 else x


def _shaft_turns(machine: Machine, time_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Shaft angle in turns: even speed, and a slow wander of it by two sines."""
    wander_hz = rng.uniform(0.2, 1.5, size=(2, 1))
    phase = rng.uniform(0, 2 * np.pi, size=(2, 1))
    # d/dt of sin(w t) / w is cos(w t): the speed deviates by speed_ripple at most.
    wander = (np.sin(2 * np.pi * wander_hz * time_s + phase) / (2 * np.pi * wander_hz)).mean(axis=0)
    turns: NDArray[np.float64] = machine.shaft_hz * (time_s + machine.speed_ripple * wander) + rng.uniform()
    return turns


def _audible(machine: Machine, sample_rate_hz: float) -> tuple[Resonance, ...]:
    return tuple(mode for mode in machine.resonances if mode.frequency_hz < sample_rate_hz / 2)


def _background(
    machine: Machine, turns: NDArray[np.float64], sample_rate_hz: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Harmonics of the shaft, rolling noise through the structure, and white noise; RMS 1 together."""
    orders = np.arange(1, 6)
    amplitudes = rng.exponential(1.0, orders.size) / orders
    phases = rng.uniform(0, 2 * np.pi, orders.size)
    harmonics = np.zeros_like(turns)
    for order, amplitude, phase in zip(orders, amplitudes, phases, strict=True):
        harmonics += amplitude * np.sin(2 * np.pi * order * turns + phase)
    white = rng.standard_normal((2, turns.size))
    rolling = np.zeros_like(turns)
    for mode in _audible(machine, sample_rate_hz):
        rolling += _ringing(mode, white[0], sample_rate_hz)
    sensor_share = max(0.0, 1.0 - machine.harmonic_share - machine.rolling_share)
    background: NDArray[np.float64] = (
        np.sqrt(machine.harmonic_share) * _unit_rms(harmonics)
        + np.sqrt(machine.rolling_share) * _unit_rms(rolling)
        + np.sqrt(sensor_share) * white[1]
    )
    return background


def _ringing(mode: Resonance, force: NDArray[np.float64], sample_rate_hz: float) -> NDArray[np.float64]:
    """The mode's steady-state response to a force, by its frequency response (no transient at the start)."""
    frequency = np.fft.rfftfreq(force.size, 1 / sample_rate_hz) / mode.frequency_hz
    response = 1 / (1 - frequency**2 + 2j * mode.damping_ratio * frequency)
    ringing: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(force) * response, n=force.size)
    return mode.gain * mode.damping_ratio * ringing


def _strikes(
    machine: Machine, fault: str, turns: NDArray[np.float64], sample_rate_hz: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The ringing after each strike of the defect, RMS 1."""
    at_turns, force = _rhythm(machine, fault, float(turns[0]), float(turns[-1]), rng)
    position = np.interp(at_turns, turns, np.arange(turns.size, dtype=np.float64))  # in samples, not whole
    out = np.zeros(turns.size)
    for mode in _audible(machine, sample_rate_hz):
        index = np.ceil(position)[:, None] + np.arange(int(mode.duration_s * sample_rate_hz) + 1)
        ringing = force[:, None] * mode.response((index - position[:, None]) / sample_rate_hz)
        inside = index < out.size
        out += np.bincount(index[inside].astype(np.intp), ringing[inside], minlength=out.size)
    return _unit_rms(out)


def _rhythm(
    machine: Machine, fault: str, first_turn: float, last_turn: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times of the defect's strikes in shaft turns, and their amplitudes: two float64[strikes]."""
    bearing = machine.bearing
    order = {
        "outer_race": bearing.outer_race_order,
        "inner_race": bearing.inner_race_order,
        "ball": 2 * bearing.ball_spin_order,
    }[fault]
    strikes = int((last_turn - first_turn) * order * 1.05) + 8
    gaps = (1 + machine.slip * rng.standard_normal(strikes)) / order
    at_turns = first_turn + np.cumsum(gaps) - gaps[0] * rng.uniform()
    force = 1 + 0.1 * rng.standard_normal(strikes)
    centre = rng.uniform()
    if fault == "inner_race":
        force *= zone_load(at_turns - centre, machine.load_zone)
    elif fault == "ball":
        force *= zone_load(bearing.cage_order * at_turns - centre, machine.load_zone)
        force[1::2] *= rng.uniform(0.4, 1.0)  # the outer race lies nearer to the sensor than the inner
    keep = at_turns < last_turn
    return at_turns[keep], force[keep]
