"""The deployed graph: normalisation, probabilities, novelty."""

import numpy as np
import pytest
import torch

from drsn.model.deployed_model import NO_SPEED, DeployedModel, normalise
from drsn.model.ensemble import network_of
from drsn.model.network import Family, Network, NetworkConfig, Spectrum
from drsn.model.novelty import Novelty, NoveltyCoefficients, fit_coefficients


@pytest.fixture
def window():
    """A tone, its harmonic and noise: float32[4, 2, 2048]."""
    generator = torch.Generator().manual_seed(3)
    time = torch.arange(2048) / 2048
    tone = torch.sin(2 * torch.pi * 37 * time) + 0.3 * torch.sin(2 * torch.pi * 111 * time)
    return tone + 0.2 * torch.randn(4, 2, 2048, generator=generator)


def test_each_channel_comes_to_mean_zero_and_rms_one(window: torch.Tensor):
    x = normalise(window * torch.tensor([[1.0], [50.0]]) + 3)
    torch.testing.assert_close(x.mean(dim=-1), torch.zeros(4, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.square().mean(dim=-1), torch.ones(4, 2))


@pytest.mark.parametrize("gain", [1e-8, 1e-4, 2.6e-4, 1.0, 1e3, 1e6])
def test_gain_changes_nothing(window: torch.Tensor, gain: float):
    torch.testing.assert_close(normalise(window * gain), normalise(window), atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("gain", [-1.0, 2.0**-20, 2.0**20])
def test_gain_by_powers_of_two_changes_no_bit(window: torch.Tensor, gain: float):
    assert torch.equal(normalise(window * gain), normalise(window) * (1 if gain > 0 else -1))


def test_offset_changes_little(window: torch.Tensor):
    torch.testing.assert_close(normalise(window + 10), normalise(window), atol=1e-5, rtol=0)


def test_variance_of_real_quiet_windows_survives():
    """HIT-SM has windows of variance 7e-8; an epsilon of 1e-5 inside the root would flatten them by 12."""
    x = normalise(torch.randn(1, 1, 2048) * 7e-8**0.5)
    assert float(x.std()) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.1, -9.81, 3e-20, 1e6])
def test_flat_windows_become_exact_zeros(level: float):
    assert torch.equal(normalise(torch.full((2, 1, 2048), level)), torch.zeros(2, 1, 2048))


@pytest.fixture
def known() -> NoveltyCoefficients:
    """What a network of 32 features and five labels could have seen."""
    embedding = np.random.default_rng(9).standard_normal((500, 32)).astype(np.float32)
    return fit_coefficients(embedding, np.arange(500) % 5)


@pytest.fixture
def diagnosis(known: NoveltyCoefficients):
    torch.manual_seed(1)
    return DeployedModel(Network(NetworkConfig(labels=5, channels=2)), known, temperature=2.5).eval()


def test_probabilities_are_tempered_logits_are_not_and_novelty_is_that_of_the_embedding(
    diagnosis: DeployedModel, known: NoveltyCoefficients, window: torch.Tensor
):
    logits, probabilities, novelty, embedding, alpha = diagnosis(window)
    assert torch.equal(logits, diagnosis.network(normalise(window)).logits)
    torch.testing.assert_close(probabilities, (logits / 2.5).softmax(dim=1))
    assert torch.equal(novelty, Novelty(known)(embedding))
    assert (embedding.shape, alpha.shape) == ((4, 32), (4, 80))


def test_what_is_saved_of_it_is_the_network_alone(diagnosis: DeployedModel):
    assert {name.partition(".")[0] for name in diagnosis.state_dict()} == {"network"}


@pytest.mark.parametrize("level", [0.0, 1e6])
def test_flat_windows_give_finite_answers(diagnosis: DeployedModel, level: float):
    assert all(torch.isfinite(output).all() for output in diagnosis(torch.full((1, 2, 2048), level)))


@pytest.mark.parametrize("family", Family)
def test_output_names_match_what_comes_out(family: Family, known: NoveltyCoefficients):
    diagnosis = DeployedModel(Network(NetworkConfig(labels=5, family=family)), known).eval()
    assert len(diagnosis(torch.randn(2, 1, 2048))) == len(diagnosis.output_names)
    assert ("alpha" in diagnosis.output_names) == family.value.startswith("drsn")


def test_in_the_order_domain_a_window_without_a_speed_is_novel_beyond_measure():
    network = network_of(NetworkConfig(labels=3, window=512, domain="order", spectrum=Spectrum.ALONE)).eval()
    features = network.classifier.in_features
    whitener = np.eye(features, dtype=np.float32)
    known = NoveltyCoefficients(np.zeros(features, np.float32), whitener, whitener, np.zeros((3, features), np.float32))
    angle = torch.linspace(0, 2, 512).expand(1, 1, 512)
    window = torch.cat([torch.randn(1, 1, 512), angle], dim=1).repeat(2, 1, 1)
    window[1, 1] = 0
    novelty = DeployedModel(network, known).eval()(window)[2].detach()
    assert abs(float(novelty[0])) < 1e4
    assert float(novelty[1]) > NO_SPEED / 2
