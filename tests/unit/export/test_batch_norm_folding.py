from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from graphs import diagnosis, trained_by_chance
from torch import nn

from drsn.export.batch_norm_folding import folded
from drsn.model.network import Family, View

if TYPE_CHECKING:
    from drsn.model.deployed_model import DeployedModel


def norms(graph: DeployedModel) -> int:
    return sum(isinstance(module, nn.BatchNorm1d) for module in graph.modules())


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("view", View, ids=lambda view: view.value)
@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_it_computes_the_same_and_only_norms_after_a_sum_are_left(family: Family, view: View, members: int):
    # In float64: the novelty is a difference of two large sums, of which float32 keeps three digits.
    graph = trained_by_chance(diagnosis(family, view, members)).double()
    fused, x = folded(graph), torch.randn(4, 1, 512, dtype=torch.float64)
    with torch.no_grad():
        for ours, theirs in zip(fused(x), graph(x), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    units, levels = len(graph.network.member_networks[0].units), int(view.has_bands)
    assert norms(fused) == members * (units + 1 + levels)


def test_what_it_was_given_is_left_as_it_was():
    graph = trained_by_chance(diagnosis(Family.DRSN_CW))
    before = {name: tensor.clone() for name, tensor in graph.state_dict().items()}
    folded(graph)
    assert graph.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in graph.state_dict().items())


def test_a_graph_in_training_mode_is_refused():
    with pytest.raises(ValueError, match="eval"):
        folded(diagnosis(Family.DRSN_CW).train())
