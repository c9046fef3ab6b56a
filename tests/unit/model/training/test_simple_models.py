from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from drsn.model.recipe import Recipe, recipe_from
from drsn.model.sources import corpus_of
from drsn.model.training.augmentation import Augmenter
from drsn.model.training.simple_models import classifier_of, fit_simple_models


def recipe_of(tiny: dict[str, Any], **signal: str) -> Recipe:
    changes = {"signal": {**tiny["signal"], **signal}, "augmentation": {"clean_share": 1.0, "equaliser_db": 0}}
    return recipe_from({**tiny, **changes}, "tiny")


@pytest.mark.parametrize("domain", ["time", "order"])
def test_all_three_learn(tiny: dict[str, Any], domain: str):
    recipe = recipe_of(tiny, domain=domain)
    corpus = corpus_of(recipe)
    simple = fit_simple_models(recipe, corpus.train, batches=40, trees=10)
    augmenter = Augmenter(corpus.train, recipe, np.random.default_rng(99))
    batches = [augmenter.draw() for _ in range(10)]
    for classify in (*simple.classifiers.values(), classifier_of(simple.spectrum)):
        # 160 windows of machines that trained; chance is one in three, give or take 0.04.
        assert np.mean([classify(batch.samples) == batch.label for batch in batches]) > 0.55


def test_the_same_recipe_gives_the_same_model(tiny: dict[str, Any]):
    recipe = recipe_of(tiny)
    corpus = corpus_of(recipe)
    one, two = (fit_simple_models(recipe, corpus.train, batches=5, trees=0).spectrum for _ in range(2))
    np.testing.assert_array_equal(one.classifier.weight.detach(), two.classifier.weight.detach())
    assert not fit_simple_models(recipe, corpus.train, batches=5, trees=0).classifiers
