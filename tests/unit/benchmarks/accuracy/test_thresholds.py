from __future__ import annotations

import numpy as np
import pytest
import torch

from accuracy.grid_cell import cells_of
from accuracy.run_cell import classifier_of
from accuracy.thresholds import thresholds
from drsn.model.network import Family, Network, NetworkConfig, Shrinkage


def gauged(family: Family, plan, corpus) -> tuple[Network, list[dict]]:
    (cell, *_) = cells_of(plan, select=False)
    torch.manual_seed(1)
    network = Network(NetworkConfig(family=family, labels=3)).eval()
    rows = thresholds(network, classifier_of(network), corpus.test, cell.recipe, (-6.0, 10.0))
    return network, rows


@pytest.mark.parametrize("family", [Family.DRSN_CW, Family.DRSN_CS])
def test_each_unit_has_a_factor_and_a_threshold_at_each_level(family: Family, plan, corpus):
    network, rows = gauged(family, plan, corpus)
    assert [row["snr_db"] for row in rows] == [None, -6.0, 10.0]
    units = [unit for row in rows for unit in row["units"]]
    assert len(units) == 3 * sum(isinstance(module, Shrinkage) for module in network.modules())
    assert all(0 < unit["alpha"] < 1 and unit["tau"] > 0 for unit in units)


def test_the_threshold_is_the_factor_times_the_mean(plan, corpus):
    """With alpha pinned to one half, tau is half of what the unit's mean is."""
    (cell, *_) = cells_of(plan, select=False)
    network = Network(NetworkConfig(family=Family.DRSN_CW, labels=3)).eval()
    means = []
    for module in network.modules():
        if isinstance(module, Shrinkage):
            last = module.factors[3]
            torch.nn.init.zeros_(last.weight)
            torch.nn.init.zeros_(last.bias)
            module.register_forward_hook(lambda _m, x, _y: means.append(float(x[0].abs().mean())))
    rows = thresholds(network, classifier_of(network), corpus.test[:1], cell.recipe, ())
    assert [unit["alpha"] for unit in rows[0]["units"]] == [0.5] * len(means)
    np.testing.assert_allclose([unit["tau"] for unit in rows[0]["units"]], [m / 2 for m in means], atol=1e-4)


def test_what_does_not_shrink_has_none_and_no_hook_stays(plan, corpus):
    assert gauged(Family.RESNET, plan, corpus)[1] == []
    network, _ = gauged(Family.DRSN_CW, plan, corpus)
    assert not any(module._forward_hooks for module in network.modules())
