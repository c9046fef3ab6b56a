from __future__ import annotations

import pytest
import torch

from accuracy.wdcnn import Wdcnn
from drsn.model.network import NetworkConfig


@pytest.mark.parametrize("channels", [1, 3])
def test_it_gives_what_a_network_gives(channels: int):
    network = Wdcnn(NetworkConfig(labels=10, channels=channels)).eval()
    found = network(torch.randn(4, channels, 2048))
    assert found.logits.shape == (4, 10)
    assert found.embedding.shape == (4, 100)
    assert found.alpha is None


def test_its_table_two_pools_down_to_three_times_sixty_four():
    network = Wdcnn(NetworkConfig(labels=10))
    assert network.training
    assert network.body.eval()(torch.zeros(1, 1, 2048)).shape == (1, 192)
