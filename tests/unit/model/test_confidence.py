from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.model.confidence import confidence, held_out, on_test_set, trained_noise, with_row, with_temperature
from drsn.model.data.recording import Recording
from drsn.model.evaluate import ModelOutputs, run
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.sources import corpus_of
from drsn.model.windows import LabelledWindows, NoiseMix, windows_of

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint


@pytest.fixture
def recipe(tiny: dict) -> Recipe:
    return recipe_from(tiny, "tiny")


@pytest.fixture
def split():
    """Split windows, twice drawn, of recordings given as (label, group, windows); the (recording, place) held out."""

    def make(*recordings: tuple[int, str, int]) -> set[tuple[int, int]]:
        one = [
            LabelledWindows(np.zeros((n, 1, 4), np.float32), np.full(n, label), np.full(n, number), np.arange(n))
            for number, (label, _, n) in enumerate(recordings)
        ]
        windows = LabelledWindows.joined([*one, *one])
        names = [Recording("r", "l", np.zeros((1, 1), np.float32), 1.0, group) for _, group, _ in recordings]
        held = held_out(windows, names)
        first, second = np.split(held, 2)
        np.testing.assert_array_equal(first, second)  # draws of one window stay together
        return set(zip(windows.recording[held].tolist(), windows.place[held].tolist(), strict=True))

    return make


def test_every_second_group_is_held_out_where_a_label_has_several(split):
    assert split((0, "a", 2), (0, "b", 2), (0, "c", 2), (0, "b", 1)) == {(1, 0), (1, 1), (3, 0)}


def test_the_later_half_is_held_out_where_it_has_one(split):
    assert split((0, "a", 5), (0, "a", 2)) == {(0, 3), (0, 4), (1, 1)}


def test_each_label_is_split_for_itself(split):
    assert split((0, "a", 2), (1, "a", 1), (1, "b", 1)) == {(0, 1), (2, 0)}


def test_recordings_shorter_than_a_window_do_not_count(split):
    assert split((0, "a", 0), (0, "b", 2)) == {(1, 1)}


def test_of_a_single_window_nothing_is_held_out(split):
    assert split((0, "a", 1)) == set()


def test_the_noise_of_training_is_drawn_anew_until_there_is_enough(checkpoint: Checkpoint, recipe: Recipe):
    recordings = corpus_of(recipe).validation
    diagnosis = checkpoint.build()
    outputs, windows = trained_noise(diagnosis, recipe, recordings, enough=100)
    once = windows_of(recordings, recipe, NoiseMix.of(recipe.augmentation), (recipe.seed, 1))
    count = len(once.label)
    assert len(windows.label) == len(outputs.novelty) == 2 * count  # 42 windows, twice
    np.testing.assert_array_equal(outputs.novelty[count:], run(diagnosis, once.samples).novelty)
    assert not np.array_equal(outputs.novelty[count:], outputs.novelty[:count])
    np.testing.assert_array_equal(windows.label, np.tile(once.label, 2))
    assert windows.samples.shape == (0, 1, 512)


def test_a_temperature_changes_probabilities_alone(checkpoint: Checkpoint, recipe: Recipe):
    samples = checkpoint.golden
    plain = run(replace(checkpoint, temperature=1.0).build(), samples)
    other = run(replace(checkpoint, temperature=3.0).build(), samples)
    again = with_temperature(plain, 3.0)
    np.testing.assert_allclose(again.probabilities, other.probabilities, atol=1e-6)
    np.testing.assert_array_equal(again.novelty, plain.novelty)
    np.testing.assert_array_equal(again.logits, plain.logits)


def test_a_set_counted_by_hand():
    logits = np.log(np.array([[0.5, 0.5 - 1e-6], [0.25, 0.75], [0.75, 0.25], [0.5, 0.5 - 1e-6]], np.float32))
    outputs = ModelOutputs(logits, np.exp(logits), np.array([1, 2, 3, 4], np.float32))
    row = confidence("one", outputs, np.array([0, 1, 1, 1]), threshold=3.0)
    assert (row.set, row.windows, row.accuracy, row.accepted) == ("one", 4, 0.5, 0.75)
    assert row.nll == pytest.approx(-np.log([0.5, 0.75, 0.25, 0.5]).mean(), rel=1e-4)
    assert confidence("one", outputs, np.array([0, 1, 1, 1]), threshold=None).accepted == 1


def test_the_test_set_is_counted_with_what_the_checkpoint_promises(checkpoint: Checkpoint, recipe: Recipe):
    row = on_test_set(checkpoint, recipe, corpus_of(recipe).test)
    *before, recorded = checkpoint.training.metrics["calibration"]
    assert recorded == vars(row)
    assert [row["set"] for row in before] == ["validation, fitted", "validation, held out"]
    again = with_row(checkpoint, replace(row, nll=7.0))
    assert again.training.metrics["calibration"] == [*before, {**recorded, "nll": 7.0}]
    assert again.training.metrics["test"] == checkpoint.training.metrics["test"]
