from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from drsn.model.envelope import BandDropout, EnvelopeSpectrum, gabor
from drsn.model.network import Network, NetworkConfig, StageConfig, StemConfig, View

RATE_HZ = 12_000.0
CONFIG = NetworkConfig(
    labels=3,
    view=View.ENVELOPE_SPECTRUM,
    stem=StemConfig(channels=16, kernel=96, stride=16),
    stages=(StageConfig(channels=8), StageConfig(channels=8)),
)


def rung_at(carrier_hz: float, strikes_hz: float) -> torch.Tensor:
    """A carrier whose amplitude swings: float32[1, 1, 2048]."""
    time_s = np.arange(2048) / RATE_HZ
    swing = 1 + 0.8 * np.cos(2 * np.pi * strikes_hz * time_s)
    return torch.from_numpy((swing * np.sin(2 * np.pi * carrier_hz * time_s)).astype(np.float32))[None, None]


@pytest.mark.parametrize("strikes_hz", [107.0, 162.0])
@pytest.mark.parametrize("carrier_hz", [1650.0, 3630.0])
def test_the_rate_of_strikes_is_a_line_whatever_rings(carrier_hz: float, strikes_hz: float):
    stem = torch.nn.functional.conv1d(rung_at(carrier_hz, strikes_hz), gabor(8, 96), stride=16, padding=47)
    spectrum, levels = EnvelopeSpectrum(stem.shape[-1], 60)(stem)
    assert spectrum.shape == (1, 8, 60)
    band = int(levels[0].argmax())
    assert 12_000 * 0.44 * (band + 0.5) / 8 == pytest.approx(carrier_hz, abs=330)  # half a band
    assert (int(spectrum[0, band].argmax()) + 1) * RATE_HZ / 2048 == pytest.approx(strikes_hz, abs=6)


def test_the_spectrum_does_not_know_gain():
    stem = torch.randn(4, 16, 128, generator=torch.Generator().manual_seed(1))
    front = EnvelopeSpectrum(128, 32)
    torch.testing.assert_close(front(1000 * stem)[0], front(stem)[0], rtol=1e-3, atol=1e-3)


def test_silence_is_finite_forward_and_backward():
    stem = torch.zeros(2, 16, 128, requires_grad=True)
    spectrum, levels = EnvelopeSpectrum(128, 32)(stem)
    (spectrum.sum() + levels.log().sum()).backward()
    assert stem.grad is not None
    assert torch.isfinite(stem.grad).all()


def test_the_network_over_the_spectrum_has_features_of_lines_and_of_levels():
    features = Network(CONFIG).eval()(torch.randn(5, 1, 2048))
    assert features.logits.shape == (5, 3)
    assert features.embedding.shape == (5, 2 * CONFIG.hidden)
    assert features.alpha is not None


@pytest.mark.parametrize("change", [{"envelope_bins": 65}, {"stem": StemConfig(channels=15, kernel=96, stride=16)}])
def test_a_spectrum_that_can_not_be_is_refused(change: dict[str, object]):
    with pytest.raises(ValidationError, match="stem channels in pairs"):
        NetworkConfig.model_validate({**CONFIG.model_dump(), **change})


def test_a_hidden_band_is_silent_and_as_loud_as_usual():
    torch.manual_seed(1)
    x, levels = torch.rand(200, 16, 8) + 1, torch.rand(200, 16) + 1
    hiding = BandDropout(0.25)
    spectrum, loudness = hiding(x, levels)
    hidden = (spectrum == 0).all(dim=-1)
    assert hidden.float().mean() == pytest.approx(0.25, abs=0.03)
    usual = levels.log().mean(dim=0).exp().expand_as(levels)
    torch.testing.assert_close(loudness[hidden], usual[hidden])
    torch.testing.assert_close(loudness[~hidden], levels[~hidden])
    torch.testing.assert_close(spectrum[~hidden], x[~hidden])


def test_nothing_is_hidden_from_a_trained_network():
    x, levels = torch.rand(4, 16, 8), torch.rand(4, 16)
    spectrum, loudness = BandDropout(0.5).eval()(x, levels)
    assert spectrum is x
    assert loudness is levels


def test_only_bands_can_be_hidden():
    with pytest.raises(ValidationError, match="envelope spectrum"):
        NetworkConfig(labels=3, band_dropout=0.1)
