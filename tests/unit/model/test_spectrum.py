from __future__ import annotations

import numpy as np
import pytest
import torch

from drsn.model.deployed_model import normalise
from drsn.model.network import NetworkConfig
from drsn.model.spectrum import BANDS, ENVELOPE_BANDS, LogSpectrum, SpectrumFeatures

RATE_HZ = 12_000.0


@pytest.mark.parametrize("window", [2048, 2000, 509, 4096])
def test_it_is_the_log_of_the_power_in_equal_bands(window: int):
    x = np.random.default_rng(1).standard_normal((3, 2, window)).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(x, axis=-1)[..., 1 : 1 + window // 2]))
    bands = np.stack([part.mean(axis=-1) for part in np.array_split(power, BANDS, axis=-1)], axis=-1)
    expected = np.log(bands / bands.mean(axis=-1, keepdims=True) + 1e-6).reshape(6, -1)
    np.testing.assert_allclose(LogSpectrum(window)(torch.from_numpy(x)), expected, atol=1e-4)


def test_a_silent_window_has_finite_features():
    assert LogSpectrum(512)(torch.zeros(2, 1, 512)).isfinite().all()


def test_strikes_at_one_order_are_the_same_lines_at_each_speed():
    """Five strikes a revolution make a carrier of 3 kHz ring, at 600 and at 1,500 rpm."""
    config = NetworkConfig(labels=2, window=4096, domain="order")
    features = SpectrumFeatures(config)
    time_s = np.arange(4096) / RATE_HZ
    lines = []
    for rpm in (600.0, 1500.0):
        strikes_hz = 5 * rpm / 60
        wave = (1 + np.cos(2 * np.pi * strikes_hz * time_s)) * np.sin(2 * np.pi * 3000 * time_s)
        x = normalise(torch.from_numpy(wave.astype(np.float32))[None, None])
        revolutions = torch.full((1, 1, 1), rpm / 60 * 4096 / RATE_HZ)
        found = features(x, revolutions)[0, features.levels :].reshape(ENVELOPE_BANDS, config.order_lines)
        lines.append(found[6])  # the band around 3 kHz
    orders = config.order_step * (1 + np.array([int(line.argmax()) for line in lines]))
    assert orders.tolist() == [5.0, 5.0]


def test_in_the_time_domain_there_are_no_lines():
    features = SpectrumFeatures(NetworkConfig(labels=2, channels=2, window=512))
    assert features.count == features.levels == 2 * BANDS
    assert features(torch.randn(3, 2, 512), None).shape == (3, 2 * BANDS)
