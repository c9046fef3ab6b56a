from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.baseline_features import (
    ENVELOPE,
    FEATURES,
    IMPULSIVENESS,
    LEVEL,
    MODEL,
    ORDERS,
    SPECTRUM,
    BaselineFeatures,
    fast_size,
)
from drsn.model.contract import Label, ModelContract

LABELS = (Label(name="normal", condition="normal", healthy=True), Label(name="ball", condition="ball"))
CONTRACT = ModelContract(labels=LABELS, window=2048, sample_rate_hz=12_000, bandwidth_hz=5_300)
COMPUTE = BaselineFeatures(CONTRACT)


def noise(rows: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, channels, CONTRACT.window)).astype(np.float32)


def struck(rate_hz: float, rows: int = 40) -> np.ndarray:
    """Return noise with ringing at `rate_hz` strikes a second."""
    time_s = np.arange(rows * CONTRACT.window) / CONTRACT.sample_rate_hz
    since_s = time_s % (1 / rate_hz)
    ringing = 8 * np.exp(-800 * since_s) * np.sin(2 * np.pi * 2_750 * since_s)
    return (noise(rows) + ringing.reshape(rows, 1, -1)).astype(np.float32)


def features(x: np.ndarray, rpm: float = np.nan, rms: float = 1.0, healthy: float = 0.5) -> np.ndarray:
    probabilities = np.tile(np.array([healthy, 1 - healthy], np.float32), (len(x), 1))
    return COMPUTE(x, np.full(len(x), rms), np.full(len(x), rpm), probabilities)


@given(gain=st.floats(1e-3, 1e3))
def test_the_gain_changes_the_level_alone(gain: float):
    one, other = features(noise(4), rms=1.0), features(noise(4) * np.float32(gain), rms=gain)
    assert other[:, LEVEL] - one[:, LEVEL] == pytest.approx(np.log(gain), abs=1e-4)
    assert other[:, LEVEL.stop :] == pytest.approx(one[:, LEVEL.stop :], abs=1e-3)


def test_of_gaussian_noise_the_envelope_is_even_and_the_kurtosis_three():
    mean = features(noise(400)).mean(axis=0)
    assert np.abs(mean[ENVELOPE]).max() < 0.35  # a logarithm of few bins lies a little below that of their mean
    assert mean[IMPULSIVENESS][1] == pytest.approx(np.log(3), abs=0.02)


def test_strikes_show_at_their_rate_in_hertz():
    row = np.median(features(struck(107)), axis=0)[ENVELOPE]
    edges = COMPUTE.envelope_hz
    found = int(row.argmax())
    assert edges[found] <= 107 <= edges[found + 1]
    assert row[found] > 2.5


@pytest.mark.parametrize("rpm", [900.0, 1800.0, 3000.0])
def test_strikes_show_at_the_same_order_at_every_speed(rpm: float):
    row = np.median(features(struck(3.58 * rpm / 60), rpm), axis=0)[ENVELOPE]
    found = int(np.nanargmax(row))
    assert ORDERS[found] <= 3.58 <= ORDERS[found + 1]


def test_an_order_above_the_envelope_spectrum_is_absent():
    row = features(noise(1), rpm=6_000.0)[0, ENVELOPE]
    assert np.isnan(row[ORDERS[1:] * 100 > COMPUTE.envelope_hz[-1]]).all()
    assert np.isfinite(row[ORDERS[1:] * 100 < 500]).all()


def test_a_window_may_be_constant():
    row = features(np.zeros((1, 1, CONTRACT.window), np.float32), rms=0.0)
    assert np.isfinite(row).all()


def test_a_batch_gives_what_its_windows_give():
    x, rpm = noise(40), np.where(np.arange(40) % 3, 1_797.0, np.nan)
    probabilities = np.full((40, 2), 0.5, np.float32)
    together = COMPUTE(x, np.ones(40), rpm, probabilities)
    alone = [COMPUTE(x[i : i + 1], np.ones(1), rpm[i : i + 1], probabilities[:1])[0] for i in range(40)]
    assert np.array_equal(together, np.stack(alone), equal_nan=True)


def test_of_several_channels_the_mean_is_taken():
    compute = BaselineFeatures(CONTRACT.model_copy(update={"channels": 2}))
    x, probabilities = noise(3, channels=2), np.full((3, 2), 0.5, np.float32)
    both = compute(x, np.ones(3), np.full(3, np.nan), probabilities)
    assert both == pytest.approx((features(x[:, :1]) + features(x[:, 1:])) / 2, abs=1e-5)


def test_the_model_is_a_log_odds_within_bounds():
    assert features(noise(1), healthy=0.2)[0, MODEL] == pytest.approx(np.log(4), abs=1e-4)
    assert features(noise(1), healthy=0.0)[0, MODEL] == 9.0


def test_there_is_a_feature_in_each_column():
    assert features(noise(2)).shape == (2, FEATURES)
    edges = COMPUTE.spectrum_hz
    assert (np.diff(edges) > 0).all()
    assert edges[-1] <= CONTRACT.bandwidth_hz
    assert SPECTRUM.stop - SPECTRUM.start == len(edges) - 1


@pytest.mark.parametrize(
    ("window", "rate_hz", "bandwidth_hz", "absent"),
    [(512, 2_000, 800, 8), (2048, 6_400, 2_500, 0), (4096, 25_600, 10_000, 0), (64, 12_000, 5_300, 26)],
)
def test_windows_of_every_length_have_features(window: int, rate_hz: float, bandwidth_hz: float, absent: int):
    contract = ModelContract(labels=LABELS, window=window, sample_rate_hz=rate_hz, bandwidth_hz=bandwidth_hz)
    x = np.random.default_rng(0).standard_normal((2, 1, window)).astype(np.float32)
    row = BaselineFeatures(contract)(x, np.ones(2), np.full(2, np.nan), np.full((2, 2), 0.5, np.float32))
    assert np.isnan(row).sum(axis=1).tolist() == [absent, absent]


@given(st.integers(2, 100_000))
def test_a_fast_size_is_the_largest_below(most: int):
    size = fast_size(most)
    assert size <= most < 1.5 * size
    assert size & (size - 1) == 0 or (size // 3) * 3 == size
