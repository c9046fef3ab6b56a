"""Street noise."""

import numpy as np
import pytest
from formant_synthesiser import RATE_HZ, SAMPLES, spoken
from street_noise import horns, impacts, street, traffic


def test_noises_are_finite_of_rms_1_and_all_different():
    rng = np.random.default_rng(0)
    x = street(20, spoken(np.arange(10), rng), rng)
    assert x.shape == (20, SAMPLES)
    np.testing.assert_allclose(np.sqrt(np.square(x).mean(axis=1)), 1, rtol=1e-3)
    assert np.abs(np.corrcoef(x) - np.eye(20)).max() < 0.5


def test_the_power_of_traffic_lies_low():
    power = np.square(np.abs(np.fft.rfft(traffic(20, np.random.default_rng(0)), axis=1))).mean(axis=0)
    low = np.fft.rfftfreq(SAMPLES, 1 / RATE_HZ) < 500
    assert power[low].sum() > 0.95 * power.sum()


@pytest.mark.parametrize("kind", [horns, impacts])
def test_horns_and_impacts_do_not_last(kind):
    x = kind(50, np.random.default_rng(0))
    parts = np.square(x.reshape(50, -1, 103)).mean(axis=2)
    assert np.median(parts.max(axis=1) / parts.mean(axis=1)) > 1.5
