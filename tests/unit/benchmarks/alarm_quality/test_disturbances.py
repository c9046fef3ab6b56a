from __future__ import annotations

import numpy as np
import pytest
from alarm_quality.disturbances import DISTURBANCES
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.sensor_faults import WindowStats, find_fault

RATE_HZ, N = 12_000.0, 24_000


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(N).astype(np.float32)


@pytest.mark.parametrize("name", DISTURBANCES)
@given(seed=st.integers(0, 1000))
def test_each_leaves_as_many_finite_samples_and_the_original_alone(name: str, seed: int):
    x = noise(seed)
    before = x.copy()
    y = DISTURBANCES[name](x, RATE_HZ, np.random.default_rng(seed))
    assert (y.dtype, y.shape) == (np.float32, x.shape)
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_each_disturbs(name: str):
    """An overload nearly always: it may last for a few samples, none of them large."""
    disturbed = [
        (DISTURBANCES[name](noise(seed), RATE_HZ, np.random.default_rng(seed)) != noise(seed)).any()
        for seed in range(20)
    ]
    assert sum(disturbed) >= (18 if name == "overload" else 20)


@pytest.mark.parametrize(("name", "faults"), [("loose cable", {"dropout"}), ("overload", {"clipping"})])
def test_faults_of_the_cable_are_found_by_the_agent(name: str, faults: set[str]):
    found = set()
    for seed in range(10):
        y = DISTURBANCES[name](noise(seed), RATE_HZ, np.random.default_rng(seed))
        found |= {find_fault(WindowStats(y[np.newaxis, start : start + 2048])) for start in range(0, N - 2048, 2048)}
    assert faults <= found


def test_a_speed_change_moves_a_tone():
    tone = np.sin(2 * np.pi * 1000 * np.arange(N) / RATE_HZ).astype(np.float32)
    moved = []
    for seed in range(8):
        y = DISTURBANCES["speed change"](tone, RATE_HZ, np.random.default_rng(seed))[N // 2 : N // 2 + 8192]
        moved.append(np.abs(np.fft.rfft(y * np.hanning(y.size))).argmax() * RATE_HZ / y.size)
    assert 950 < min(moved) < 990
    assert 1010 < max(moved) < 1050
