"""Model selection on the tiny recipe; leave_one_out is part of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from drsn.model.evaluate import features
from drsn.model.network import Spectrum
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.report.comparison import IN_ORDERS, comparison
from drsn.model.training.train import TrainingResult, train


def recipe_of(tiny: dict[str, Any], **selection: str) -> Recipe:
    data = {**tiny["data"], "rpm": [1490.0, 1510.0], "train_machines": 4}
    return recipe_from({**tiny, "data": data, "selection": selection}, "tiny")


@pytest.fixture(scope="module")
def best() -> TrainingResult:
    """All is compared, and the network of eight steps loses."""
    from conftest import TINY

    data = {**TINY["data"], "rpm": [1000.0, 3000.0], "train_machines": 4, "validation_machines": 1}
    return train(recipe_from({**TINY, "data": data, "selection": {}}, "tiny"), lambda _step, _loss: None)


def test_the_best_on_what_was_left_out_is_carried(best: TrainingResult):
    metrics = best.checkpoint.training.metrics
    rows = metrics["leave_one_out"]
    assert {row["condition"] for row in rows} == {"speed"}
    names = ("spectrum", "both", "network")
    means = {name: np.mean([list(row["accuracy"][name].values()) for row in rows]) for name in names}
    assert means[metrics["carried"]] >= max(means.values()) - 0.011
    assert {"logistic_regression", "random_forest", IN_ORDERS} <= set(rows[0]["accuracy"])
    assert {"logistic_regression", "random_forest", metrics["carried"]} == set(metrics["test_by_model"])


def test_the_tables_begin_with_what_was_left_out(best: TrainingResult):
    first, *_, last = comparison(best.checkpoint.training.metrics)
    assert first.startswith("accuracy on a speed that was left out of training")
    assert last.startswith("the bundle carries")


@pytest.mark.parametrize(("carry", "form"), [("spectrum", Spectrum.ALONE), ("both", Spectrum.BESIDE)])
def test_the_recipe_may_say_what_is_carried(tiny: dict[str, Any], carry: str, form: Spectrum):
    result = train(recipe_of(tiny, compare="simple", carry=carry), lambda _step, _loss: None)
    assert result.checkpoint.network.spectrum is form
    metrics = result.checkpoint.training.metrics
    assert (metrics["carried"], metrics["leave_one_out"]) == (carry, [])  # one speed, and each machine a group
    golden = result.checkpoint.golden
    logits, _ = features(result.checkpoint.build().network, golden)
    assert logits.shape == (len(golden), 3)
    assert torch.isfinite(torch.from_numpy(logits)).all()
    assert "no condition could be left out" in comparison(metrics)[-1]
