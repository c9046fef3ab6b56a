from __future__ import annotations

import torch

from drsn.model.ensemble import Ensemble, network_of
from drsn.model.network import NetworkConfig, Spectrum
from drsn.model.spectrum_network import SpectrumNetwork

CONFIG = {"labels": 3, "window": 512}


def test_it_has_the_outputs_of_a_network_but_shrinks_nothing():
    network = network_of(NetworkConfig(**CONFIG, spectrum=Spectrum.ALONE)).eval()
    assert isinstance(network, SpectrumNetwork)
    logits, embedding, alpha = network(torch.randn(4, 1, 512))
    assert (logits.shape, embedding.shape, alpha) == ((4, 3), (4, network.classifier.in_features), None)


def test_beside_a_network_it_is_one_member_of_the_mean():
    ensemble = network_of(NetworkConfig(**CONFIG, spectrum=Spectrum.BESIDE)).eval()
    assert isinstance(ensemble, Ensemble)
    x = torch.randn(4, 1, 512)
    network, spectrum = ensemble.member_networks
    logits, embedding, alpha = ensemble(x)
    torch.testing.assert_close(logits, (network(x).logits + spectrum(x).logits) / 2)
    assert embedding.shape[1] == network.classifier.in_features + spectrum.classifier.in_features
    assert torch.equal(alpha, network(x).alpha)


def test_a_window_does_not_depend_on_the_others():
    network = network_of(NetworkConfig(**CONFIG, domain="order", spectrum=Spectrum.ALONE)).eval()
    x, revolutions = torch.randn(4, 1, 512), torch.tensor([0.5, 1.0, 2.0, 0.0]).reshape(4, 1, 1)
    whole = network(x, revolutions).logits
    for row in range(4):
        one = network(x[row : row + 1], revolutions[row : row + 1]).logits
        torch.testing.assert_close(one[0], whole[row], atol=1e-4, rtol=1e-4)
