from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from drsn.model.condition_folds import Fold
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.report.comparison import IN_ORDERS
from drsn.model.sources import corpus_of
from drsn.model.training.leave_one_out import leave_one_out
from drsn.model.training.loop import fit

if TYPE_CHECKING:
    from drsn.model.network import Network


@pytest.fixture
def recipe(tiny: dict[str, Any]) -> Recipe:
    return recipe_from({**tiny, "evaluation": {"snr_db": [0.0], "noises": ["pink"]}}, "tiny")


@pytest.fixture
def fold(recipe: Recipe) -> Fold:
    corpus = corpus_of(recipe)
    return Fold("speed", "600 rpm", corpus.train, corpus.validation)


def test_each_model_is_tested_on_what_was_left_out(recipe: Recipe, fold: Fold):
    def fit_network(part: Fold) -> Network:
        return fit(recipe, part.train, lambda _step, _loss: None)

    (result,) = leave_one_out(recipe, [fold], fit_network, batches=8, trees=4)
    assert {*result.accuracy} == {"logistic_regression", "random_forest", "spectrum", "network", IN_ORDERS}
    assert {*result.networks} == {"spectrum", "network"}
    assert result.accuracy["network"].keys() == {"as recorded", "0 dB"}
    assert all(0 <= share <= 1 for levels in result.accuracy.values() for share in levels.values())
    assert (result.document()["value"], result.document()["recordings"]) == ("600 rpm", 6)


def test_a_load_is_nothing_that_orders_mend(recipe: Recipe, fold: Fold):
    (result,) = leave_one_out(recipe, [replace(fold, condition="load")], None, batches=8, trees=4)
    assert {*result.accuracy} == {"logistic_regression", "random_forest", "spectrum"}
