from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drsn.model.bearing import Bearing
from drsn.model.data import rotating_machine
from drsn.model.data.rotating_machine import FAULTS, Grid, Ranges, Shaft, defect, modulation, simulate

RATE_HZ = 12_000.0
BEARING = Bearing(balls=9, ball_diameter_mm=7.94, pitch_diameter_mm=39.04)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fault=st.sampled_from([None, *FAULTS]), n_samples=st.integers(2000, 6000))
def test_a_recording_is_finite_of_rms_1_and_without_offset(seed: int, fault: str | None, n_samples: int):
    x, rpm = simulate(fault, Ranges(), n_samples, RATE_HZ, np.random.default_rng(seed))
    assert x.shape == (n_samples,)
    assert x.dtype == np.float32
    assert np.sqrt(np.mean(np.square(x, dtype=np.float64))) == pytest.approx(1.0, abs=1e-3)
    assert abs(float(x.mean(dtype=np.float64))) < 1e-3
    assert 300 <= rpm <= 12_000


def test_the_same_generator_gives_the_same_recording():
    first, second = (simulate("ball", Ranges(), 3000, RATE_HZ, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] == second[1]


def test_the_ranges_hold():
    rng = np.random.default_rng(1)
    speeds = [simulate(None, Ranges(rpm=(1500, 1600)), 2000, RATE_HZ, rng)[1] for _ in range(20)]
    assert all(1500 <= rpm <= 1600 for rpm in speeds)


def rhythm_hz(spectrum_of: np.ndarray, grid: Grid) -> float:
    """The strongest line of the envelope's spectrum above 20 Hz."""
    envelope = np.abs(spectrum_of)
    power = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(envelope.size)))
    power[grid.frequency_hz < 20] = 0
    return float(grid.frequency_hz[power.argmax()])


def test_an_outer_race_is_struck_at_its_frequency(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rotating_machine, "random_bearing", lambda _rng: BEARING)
    grid, shaft = Grid(12_000, RATE_HZ), Shaft(25.0, 0.0, 0.0, 1.0)
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        series = grid.series(defect(grid, "outer_race", shaft.turns(grid.time_s, rng), rng))
        found.append(rhythm_hz(series, grid) / (25.0 * BEARING.outer_race_order))
    # The cage slips by up to two per cent, and a harmonic may be the strongest line.
    near = [abs(ratio - round(ratio)) < 0.03 * max(1, round(ratio)) for ratio in found]
    assert sum(near) >= 10


def test_the_load_zone_modulates_an_inner_race_and_hardly_an_outer_one():
    at_turns = np.linspace(0, 20, 400)
    depth = {
        fault: np.mean([np.ptp(modulation(BEARING, fault, at_turns, np.random.default_rng(n))) for n in range(20)])
        for fault in ("inner_race", "outer_race")
    }
    assert depth["inner_race"] > 0.7
    assert depth["outer_race"] < 0.4


@pytest.mark.parametrize("n_samples", [2000, 4099, 6000])
def test_the_grid_has_a_length_that_an_fft_likes(n_samples: int):
    grid = Grid(n_samples, RATE_HZ)
    assert grid.size >= n_samples + grid.margin
    rest = grid.size
    for prime in (2, 3, 5):
        while rest % prime == 0:
            rest //= prime
    assert rest == 1


def test_white_noise_of_a_grid_has_rms_1():
    grid = Grid(20_000, RATE_HZ)
    assert np.std(grid.series(grid.noise(np.random.default_rng(3)))) == pytest.approx(1.0, abs=0.03)
