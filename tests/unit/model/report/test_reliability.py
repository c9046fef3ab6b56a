from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.model.calibration import reliability
from drsn.model.report.reliability import diagram_of, diagrams_of

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.corpus import Corpus
    from drsn.model.recipe import Recipe


def sure(confidence: float, count: int) -> list[list[float]]:
    """Windows named the first of two labels."""
    return [[confidence, 1 - confidence]] * count


def test_windows_are_counted_by_how_sure_the_model_was():
    probabilities = np.array(sure(0.75, 4) + sure(0.96, 6), np.float32)
    label = np.array([0, 1, 1, 1, 0, 0, 0, 0, 0, 1])
    diagram = diagram_of("test set", probabilities, label)
    assert np.flatnonzero(diagram.count).tolist() == [7, 9]
    assert diagram.count[[7, 9]].tolist() == [4, 6]
    assert diagram.confidence[[7, 9]] == pytest.approx([0.75, 0.96])
    assert diagram.accuracy[[7, 9]] == pytest.approx([0.25, 5 / 6])
    assert np.isnan(diagram.accuracy[0])
    assert diagram.error == reliability(probabilities, label).error


def test_absolute_certainty_lies_in_the_last_bin():
    diagram = diagram_of("test set", np.array(sure(1.0, 3), np.float32), np.array([0, 0, 0]))
    assert diagram.count.tolist() == [0] * 9 + [3]


def test_validation_and_test_set_are_told_apart_each_clean_and_with_all_noises(
    checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus
):
    rows = diagrams_of(checkpoint, recipe, corpus)
    titles = [[diagram.title for diagram in row] for row in rows]
    assert titles == [[f"{name} set, as recorded", f"{name} set, 0 dB"] for name in ("validation", "test")]
    for row in rows:
        clean, noisy = (int(diagram.count.sum()) for diagram in row)
        assert noisy == 2 * clean  # two noises


def test_a_corpus_without_a_test_set_has_one_row(checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus):
    rows = diagrams_of(checkpoint, recipe, type(corpus)(corpus.train, corpus.validation, ()))
    assert [row[0].title for row in rows] == ["validation set, as recorded"]
