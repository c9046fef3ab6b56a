"""Model selection on the tiny recipe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from drsn.model.evaluate import features
from drsn.model.network import Spectrum
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.report.comparison import comparison
from drsn.model.sources import corpus_of
from drsn.model.training.leave_one_out import FoldResult
from drsn.model.training.loop import fit
from drsn.model.training.selection import combined, most_accurate, training_steps
from drsn.model.training.simple_models import fit_simple_models
from drsn.model.training.train import train

ALL = ("spectrum", "network", "both")


def shares(spectrum: float, network: float, both: float) -> dict[str, dict[str, float]]:
    return {"spectrum": {"as recorded": spectrum}, "network": {"as recorded": network}, "both": {"as recorded": both}}


def fold(accuracy: dict[str, dict[str, float]]) -> FoldResult:
    return FoldResult("speed", "600 rpm", 3, accuracy, {})


@pytest.fixture
def recipe(tiny: dict[str, Any]) -> Recipe:
    return recipe_from(tiny, "tiny")


@pytest.mark.parametrize(
    ("validation", "best"),
    [
        ((0.9, 0.95, 0.99), "both"),
        ((0.9, 0.95, 0.95), "both"),
        ((0.948, 0.95, 0.95), "spectrum"),
        ((0, 1, 0), "network"),
    ],
)
def test_the_most_accurate_wins_and_of_equals_the_simplest(validation: tuple[float, ...], best: str):
    assert most_accurate(ALL, shares(*validation), []) == best


def test_what_was_left_out_decides_where_all_were_tested_on_it():
    folds = [fold(shares(0.9, 0.5, 0.7)), fold(shares(0.8, 0.9, 0.8))]
    assert most_accurate(ALL, shares(0.5, 1.0, 1.0), folds) == "spectrum"
    (tested, *_) = folds
    del tested.accuracy["network"]
    assert most_accurate(ALL, shares(0.5, 1.0, 0.9), folds) == "network"


def test_both_are_the_mean_of_their_logits_at_the_temperatures_of_the_recordings(recipe: Recipe):
    corpus = corpus_of(recipe)
    network = fit(recipe, corpus.train, lambda _step, _loss: None)
    spectrum = fit_simple_models(recipe, corpus.train, batches=8, trees=0).spectrum
    both = combined(network, spectrum, recipe, corpus.validation)
    x = np.random.default_rng(1).standard_normal((5, 1, 512)).astype(np.float32)
    logits, ours, theirs = (features(part, x)[0] for part in (both, network, spectrum))
    # Two factors, one for each model, explain all logits.
    design = np.stack([ours.ravel(), theirs.ravel()], axis=1)
    factors, *_ = np.linalg.lstsq(design, logits.ravel(), rcond=None)
    np.testing.assert_allclose(design @ factors, logits.ravel(), atol=1e-4)
    assert (factors > 0).all()


@pytest.mark.parametrize(
    ("selection", "trainings"), [({"compare": "simple"}, 1), ({"compare": "none"}, 1), ({"carry": "spectrum"}, 0)]
)
def test_only_a_full_comparison_trains_on_folds(tiny: dict[str, Any], selection: dict[str, str], trainings: int):
    recipe = recipe_from({**tiny, "selection": selection}, "tiny")
    assert training_steps(recipe, corpus_of(recipe)) == trainings * recipe.optimisation.steps


@pytest.mark.slow
@pytest.mark.parametrize(("selection", "form"), [({}, None), ({"compare": "simple", "carry": "both"}, Spectrum.BESIDE)])
def test_a_training_selects_and_its_tables_begin_with_what_was_left_out(
    tiny: dict[str, Any], selection: dict[str, str], form: Spectrum | None
):
    recipe = recipe_from({**tiny, "selection": selection}, "tiny")
    steps: list[int] = []
    result = train(recipe, lambda step, _loss: steps.append(step))
    assert len(steps) == training_steps(recipe, corpus_of(recipe))
    metrics = result.checkpoint.training.metrics
    assert form is None or result.checkpoint.network.spectrum is form
    assert {row["condition"] for row in metrics["leave_one_out"]} == {"speed", "group"}
    assert {"logistic_regression", "random_forest", metrics["carried"]} == set(metrics["test_by_model"])
    first, *_, last = comparison(metrics)
    assert first.startswith("accuracy on a speed that was left out of training")
    assert last.startswith("the bundle carries")
    outputs = result.checkpoint.build()(torch.from_numpy(result.checkpoint.golden))
    assert all(output.isfinite().all() for output in outputs)
