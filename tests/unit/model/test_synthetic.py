"""The signal obeys the physics it claims, and its cost is small."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from drsn.model.data.synthetic import FAULTS, FULL_SEVERITY_RATIO, Machine, random_machine, synthesise
from drsn.model.errors import UsageError

RATE_HZ = 12_000.0
MACHINE = Machine()


def signal_of(
    fault: str | None, severity: float = 0.6, n_samples: int = 240_000, machine: Machine = MACHINE, seed: int = 4
):
    return synthesise(machine, fault, severity, n_samples, RATE_HZ, np.random.default_rng(seed))


def envelope_line(x: NDArray[np.float32], frequency_hz: float):
    """Largest line of the squared envelope's spectrum within 1 % of a frequency, over the median of all."""
    spectrum = np.fft.fft(x)
    frequency = np.fft.fftfreq(x.size, 1 / RATE_HZ)
    spectrum[(frequency < 2000) | (frequency > 4800)] = 0  # analytic, in the resonances' band
    envelope = np.abs(np.fft.ifft(spectrum)) ** 2
    lines = np.abs(np.fft.rfft(envelope - envelope.mean()))
    lines_hz = np.fft.rfftfreq(x.size, 1 / RATE_HZ)
    near = np.abs(lines_hz - frequency_hz) < 0.01 * frequency_hz
    return float(lines[near].max() / np.median(lines[(lines_hz > 5) & (lines_hz < 500)]))


ORDER = {
    "outer_race": MACHINE.bearing.outer_race_order,
    "inner_race": MACHINE.bearing.inner_race_order,
    "ball": 2 * MACHINE.bearing.ball_spin_order,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_envelope_shows_the_defects_frequency_and_no_others(fault: str | None):
    x = signal_of(fault)
    lines = {name: envelope_line(x, order * MACHINE.shaft_hz) for name, order in ORDER.items()}
    assert max(lines, key=lambda name: lines[name]) == fault
    assert lines[fault] > 8


@pytest.mark.parametrize(
    ("fault", "order"), [("inner_race", 1.0), ("ball", MACHINE.bearing.cage_order), ("outer_race", 1.0)]
)
def test_the_load_zone_modulates_what_turns(fault: str | None, order: float):
    line = envelope_line(signal_of(fault), order * MACHINE.shaft_hz)
    assert line < 8 if fault == "outer_race" else line > 8


def test_a_healthy_machine_has_no_line_and_no_peaks():
    x = signal_of(None)
    assert all(envelope_line(x, order * MACHINE.shaft_hz) < 6 for order in ORDER.values())
    assert np.mean((x - x.mean()) ** 4) / np.var(x) ** 2 < 3.5


@pytest.mark.parametrize("fault", FAULTS)
def test_severity_runs_from_healthy_to_four_times_the_background(fault: str | None):
    np.testing.assert_array_equal(signal_of(fault, 0.0), signal_of(None))
    level = [np.std(signal_of(fault, severity)) for severity in (0.0, 0.1, 0.5, 1.0)]
    assert level == sorted(level)
    assert level[0] == pytest.approx(MACHINE.background_g, rel=0.01)
    assert level[3] == pytest.approx(MACHINE.background_g * np.hypot(1, FULL_SEVERITY_RATIO), rel=0.05)


def test_strikes_come_at_the_outer_race_frequency():
    steady = Machine(slip=0.0, speed_ripple=0.0, background_g=1e-3)
    x = np.abs(signal_of("outer_race", 1.0, machine=steady))
    loud = x > 0.5 * x.max()
    starts = np.flatnonzero(np.diff(loud.astype(int)) == 1)
    strikes = np.split(starts, np.flatnonzero(np.diff(starts) > 40) + 1)
    gap = np.median(np.diff([strike[0] for strike in strikes]))
    assert gap == pytest.approx(RATE_HZ / (ORDER["outer_race"] * MACHINE.shaft_hz), abs=1.0)


def test_the_seed_decides():
    np.testing.assert_array_equal(signal_of("ball", seed=1), signal_of("ball", seed=1))
    assert not np.array_equal(signal_of("ball", seed=1), signal_of("ball", seed=2))


def test_a_minute_takes_well_under_a_second():
    started = time.thread_time()  # whatever else the machine does
    x = signal_of("inner_race", n_samples=720_000)
    assert time.thread_time() - started < 3  # 0.3 s measured; the rest is for slow machines
    assert (x.dtype, x.shape) == (np.float32, (720_000,))


def test_every_random_machine_is_possible():
    rng = np.random.default_rng(11)
    for machine in (random_machine(rng) for _ in range(200)):
        bearing = machine.bearing
        assert bearing.balls * bearing.ball_diameter_mm < np.pi * bearing.pitch_diameter_mm
        assert 1000 <= machine.rpm <= 3600
        assert machine.harmonic_share + machine.rolling_share <= 1
        assert np.isfinite(synthesise(machine, "ball", 0.5, 4096, RATE_HZ, rng)).all()


@pytest.mark.parametrize(("fault", "severity"), [("cage", 0.5), ("ball", 1.5), ("ball", -0.1)])
def test_what_it_cannot_make_it_refuses(fault: str | None, severity: float):
    with pytest.raises(UsageError):
        signal_of(fault, severity, n_samples=100)
