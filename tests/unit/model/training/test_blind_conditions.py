from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from drsn.model.evaluate import ModelOutputs
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.training.blind_conditions import blind_conditions

LABEL = np.array([0, 0, 1, 1, 2, 2])


@pytest.fixture
def recipe(tiny: dict[str, Any]) -> Recipe:
    return recipe_from(tiny, "tiny")


def outputs(named: list[int], novelty: list[float]) -> ModelOutputs:
    logits = np.eye(3, dtype=np.float32)[named]
    return ModelOutputs(logits, logits, np.array(novelty, np.float32))


def test_a_condition_that_is_never_named_and_accepted_is_found(recipe: Recipe):
    (blind,) = blind_conditions(outputs([0, 0, 1, 0, 1, 1], [0.0] * 6), LABEL, recipe, 1.0, "test set")
    assert (blind.condition, blind.named, blind.accepted) == ("outer_race", "inner_race", 1.0)
    assert str(blind).startswith("test set: every window of outer_race is named otherwise, most inner_race")


def test_one_that_is_refused_is_not_blind(recipe: Recipe):
    novel = [0.0, 0.0, 0.0, 0.0, 9.0, 9.0]
    assert not blind_conditions(outputs([0, 0, 1, 1, 1, 1], novel), LABEL, recipe, 1.0, "test set")


def test_one_without_windows_is_not_blind(recipe: Recipe):
    assert not blind_conditions(outputs([0, 0, 1, 1], [0.0] * 4), LABEL[:4], recipe, 1.0, "test set")
