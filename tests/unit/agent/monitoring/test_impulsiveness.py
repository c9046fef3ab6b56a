from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.impulsiveness import kurtosis_of


def test_a_sine_has_one_and_a_half_and_noise_three():
    t = np.arange(4096) / 4096
    rng = np.random.default_rng(0)
    windows = np.stack([np.sin(2 * np.pi * 16 * t), rng.standard_normal(4096)]).astype(np.float32)[:, np.newaxis]
    assert kurtosis_of(windows) == pytest.approx([1.5, 3.0], abs=0.1)


def test_the_channel_where_it_is_highest_counts():
    impulse = np.zeros(256, np.float32)
    impulse[7] = 1.0
    both = np.stack([np.sin(np.arange(256)).astype(np.float32), impulse])[np.newaxis]
    assert kurtosis_of(both) == pytest.approx(kurtosis_of(impulse[np.newaxis, np.newaxis]))


def test_a_flat_window_has_none():
    assert np.isnan(kurtosis_of(np.full((1, 1, 64), 3.0, np.float32))).all()


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e12), st.integers(1, 300))
def test_gain_and_offset_do_not_matter(seed: int, gain: float, windows: int):
    x = np.random.default_rng(seed).laplace(size=(windows, 1, 128)).astype(np.float32)
    exact = np.mean((x - x.mean(axis=2, keepdims=True)) ** 4, axis=2) / np.var(x, axis=2) ** 2
    assert kurtosis_of((np.float32(gain) * (x + 1)).astype(np.float32)) == pytest.approx(exact[:, 0], rel=1e-3)
