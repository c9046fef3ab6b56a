"""Scores made by hand, and the recipe and recordings of the tiny model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from drsn.model.evaluate import Score
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from drsn.model.corpus import Corpus

CELLS = (
    (None, None, 1.0),
    ("gaussian", 3.0, 0.95),
    ("gaussian", -3.0, 0.5),
    ("gaussian", -6.0, 0.25),
    ("pink", 3.0, 0.987),
    ("pink", -3.0, 0.125),
    ("pink", -6.0, 0.0),
)


def named(noise: str | None, snr_db: float | None, accuracy: float) -> Score:
    """1000 windows of the first label, 8 of the second, none of the third."""
    right = round(1000 * accuracy)
    confusion = [[right, 1000 - right, 0], [0, 8, 0], [0, 0, 0]]
    return Score(noise, snr_db, accuracy, accuracy, accuracy, 0.0, 0.0, 0.0, 0.0, confusion)


@pytest.fixture
def scores() -> list[Score]:
    """As recorded, and two noises at three SNR, of which 3 and -3 dB are as near to 0 dB."""
    return [named(*cell) for cell in CELLS]


@pytest.fixture
def recipe(tiny: dict[str, Any]) -> Recipe:
    """The tiny one."""
    return recipe_from(tiny, "tiny")


@pytest.fixture
def corpus(recipe: Recipe) -> Corpus:
    """Its recordings: two test machines in three conditions."""
    return corpus_of(recipe)
