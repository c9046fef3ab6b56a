from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from drsn.agent.evidence.quantise import quantise, samples_of


def quantised(samples, count=None):
    counts = np.zeros(samples.shape, np.int16)
    scale, offset = np.zeros(len(samples), np.float32), np.zeros(len(samples), np.float32)
    lossless = quantise(samples, count, counts, scale, offset)
    return lossless, scale, samples_of(counts, scale, offset)


shapes = st.tuples(st.integers(1, 3), st.integers(3, 40))
floats = st.floats(-(2.0**49), 2.0**49, width=32, allow_subnormal=False)


@given(npst.arrays(np.float32, shapes, elements=floats))
def test_a_sample_is_off_by_half_a_step_and_float32_s_own_rounding_at_most(samples):
    lossless, scale, back = quantised(samples)
    assert not lossless
    error = np.abs(back.astype(float) - samples.astype(float)).max(axis=1)
    assert (error <= 0.501 * scale + np.abs(samples).max(axis=1) * 2.0**-22 + 1e-37).all()
    span = samples.max(axis=1).astype(float) - samples.min(axis=1)
    assert (scale <= np.maximum(span / 65_534, 1.2e-38) * 1.001 + np.abs(samples).max(axis=1) * 2.0**-37).all()


@given(
    npst.arrays(np.int16, shapes),
    st.floats(1e-12, 1e6) | st.floats(-1e6, -1e-12),
)
def test_what_came_as_counts_comes_back_equal(counts, count):
    samples = counts * np.float32(count)
    lossless, _, back = quantised(samples, count)
    assert lossless
    np.testing.assert_array_equal(back, samples)


@pytest.mark.parametrize("count", [0.5, 1e-30, 1e-45, 1e30, -0.5, 0.0])
def test_a_count_that_is_not_the_samples_own_is_noticed(count):
    samples = np.array([[0.1, 0.7, -3.3, 100.0]], np.float32)
    lossless, scale, back = quantised(samples, count)
    assert not lossless
    np.testing.assert_allclose(back, samples, atol=scale[0])


def test_gravity_does_not_eat_the_steps():
    rng = np.random.default_rng(0)
    samples = (9.81 + 1e-3 * rng.standard_normal((1, 2048))).astype(np.float32)
    _, scale, back = quantised(samples)
    assert scale[0] < 2e-7
    np.testing.assert_allclose(back, samples, atol=2e-6)  # float32 itself has steps of 1e-6 there


def test_a_flat_window_comes_back_as_it_was():
    samples = np.full((2, 8), 3.7, np.float32)
    np.testing.assert_array_equal(quantised(samples)[2], samples)
