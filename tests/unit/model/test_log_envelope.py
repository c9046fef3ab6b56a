from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from drsn.model.log_envelope import FourierTransform, LogEnvelopeSpectrum, log_bins
from drsn.model.network import Network, NetworkConfig, StageConfig, StemConfig, View

CONFIG = NetworkConfig(
    labels=3,
    view=View.LOG_ENVELOPE_SPECTRUM,
    band_dropout=0.1,
    stem=StemConfig(channels=16, kernel=96, stride=16),
    stages=(StageConfig(channels=8), StageConfig(channels=8)),
)


@pytest.mark.parametrize("frames", [130, 256, 512, 1024])
def test_the_transform_of_two_products_is_the_fourier_transform(frames: int):
    x = torch.randn(3, 4, frames, generator=torch.Generator().manual_seed(1))
    expected = torch.fft.rfft(x).abs().square()[..., : frames // 2]
    transform = FourierTransform(frames, 4)
    torch.testing.assert_close(transform(x), expected[..., transform.line], rtol=1e-4, atol=1e-3)


def test_an_odd_number_of_frames_is_refused():
    with pytest.raises(ValueError, match="odd"):
        FourierTransform(129, 4)


def test_log_bins_are_means_at_a_constant_ratio():
    weights = log_bins(256, 96)
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(96, dtype=torch.float64))
    centre = weights.T @ torch.arange(256, dtype=torch.float64)
    ratio = centre[61:] / centre[60:-1]
    assert float(ratio.min()) > 1.04
    assert float(ratio.max()) < 1.08  # 256 ** (1 / 96) is 1.059


@pytest.mark.parametrize("factor", [2, 3])
def test_the_same_rhythm_at_another_speed_is_the_same_log_spectrum_shifted(factor: int):
    front, bins = LogEnvelopeSpectrum(512, 96, 1), 96
    time = torch.arange(512) / 512
    shift = round(bins * np.log(factor) / np.log(256))

    def spectrum(periods: float) -> torch.Tensor:
        swing = 1 + 0.3 * sum(torch.cos(2 * np.pi * k * periods * time) / k for k in (1, 2, 3))
        return front(torch.cat([swing[None, None], torch.zeros(1, 1, 512)], dim=1))[0][0, 0]

    slow, fast = spectrum(25.0), spectrum(25.0 * factor)
    peak = int(slow.argmax())
    assert abs(int(fast.argmax()) - peak - shift) <= 1


def test_the_log_spectrum_does_not_depend_on_gain_or_on_the_level_of_a_band():
    stem = torch.randn(4, 16, 128, generator=torch.Generator().manual_seed(1))
    front = LogEnvelopeSpectrum(128, 32, 8)
    gains = torch.tensor([1000.0, 0.01] * 4).repeat(2).unsqueeze(-1)
    for one, other in zip(front(gains * stem), front(stem), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-2)


def test_silence_has_a_finite_log_spectrum_forward_and_backward():
    stem = torch.zeros(2, 16, 128, requires_grad=True)
    spectrum, depth = LogEnvelopeSpectrum(128, 32, 8)(stem)
    (spectrum.sum() + depth.log().sum()).backward()
    assert stem.grad is not None
    assert torch.isfinite(stem.grad).all()


def test_the_network_over_the_log_spectrum_has_both_kinds_of_features():
    features = Network(CONFIG).eval()(torch.randn(5, 1, 2048))
    assert features.logits.shape == (5, 3)
    assert features.embedding.shape == (5, 2 * CONFIG.hidden)
    assert features.alpha is not None


@pytest.mark.parametrize("change", [{"domain": "order"}, {"window": 2048 + 16}])
def test_a_log_spectrum_that_can_not_be_is_refused(change: dict[str, object]):
    with pytest.raises(ValidationError, match="even number of frames"):
        NetworkConfig(**{**CONFIG.model_dump(), **change})
