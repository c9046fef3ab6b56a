from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.model.evaluate import evaluate
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.sources import corpus_of
from drsn.model.training.fine_tuning import compare
from drsn.model.training.pretrained import read_pretrained

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.checkpoint import Checkpoint


@pytest.fixture
def recipe(tiny: dict) -> Recipe:
    return recipe_from(tiny, "tiny")


def test_a_bundle_compared_with_itself_has_changed_nothing(bundle_path: Path, checkpoint: Checkpoint, recipe: Recipe):
    """And its accuracies are those that the evaluation finds."""
    test = corpus_of(recipe).test
    comparison = compare(read_pretrained(bundle_path), checkpoint, recipe, test)
    scores = {(score.noise, score.snr_db): score.accuracy for score in evaluate(checkpoint, recipe, test)}
    assert {(cell.noise, cell.snr_db): cell.after for cell in comparison.cells} == pytest.approx(scores)
    assert all(cell.before == cell.after for cell in comparison.cells)
    assert [row.name for row in comparison.recordings] == [recording.name for recording in test]
    right = sum(row.after * row.windows for row in comparison.recordings)
    assert right / comparison.cells[0].windows == pytest.approx(scores[None, None])


def test_labels_are_matched_by_name_and_those_of_one_side_left_out(
    bundle_path: Path, checkpoint: Checkpoint, recipe: Recipe
):
    """The bundle's logits are in another order, and it does not know inner_race."""
    pretrained = read_pretrained(bundle_path)
    test = corpus_of(recipe).test
    normal, inner, outer = pretrained.contract.labels
    order = [2, 1, 0]
    state = {
        name: weights[order] if name.startswith("classifier") else weights for name, weights in pretrained.state.items()
    }
    other = inner.model_copy(update={"name": "inner"})
    contract = pretrained.contract.model_copy(update={"labels": (outer, other, normal)})
    comparison = compare(replace(pretrained, contract=contract, state=state), checkpoint, recipe, test)
    assert comparison.labels == ("normal", "outer_race")
    assert {row.label for row in comparison.recordings} == {"normal", "outer_race"}
    assert all(cell.before == cell.after for cell in comparison.cells)


def test_without_a_common_label_there_is_nothing_to_compare(bundle_path: Path, checkpoint: Checkpoint, recipe: Recipe):
    pretrained = read_pretrained(bundle_path)
    labels = tuple(label.model_copy(update={"name": f"{label.name}_x"}) for label in pretrained.contract.labels)
    contract = pretrained.contract.model_copy(update={"labels": labels})
    comparison = compare(replace(pretrained, contract=contract), checkpoint, recipe, corpus_of(recipe).test)
    assert (comparison.labels, comparison.cells, comparison.recordings) == ((), (), ())
