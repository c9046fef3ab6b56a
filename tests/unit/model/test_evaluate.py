"""Counting is checked by hand; the rest on the tiny model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from drsn.model.evaluate import ModelOutputs, Score, disturbances, evaluate, features, run, score
from drsn.model.recipe import recipe_from
from drsn.model.sources import corpus_of
from drsn.model.windows import Disturbance

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.contract import ModelContract

NORMAL, INNER_007, INNER_014, BALL = range(4)

# What a window is, what it is named, its novelty; above the contract's threshold of 0 the model abstains.
CELL = (
    (NORMAL, NORMAL, -1.0),
    (NORMAL, BALL, -1.0),  # a false alarm
    (NORMAL, BALL, 0.5),  # none, for it abstains
    (INNER_007, INNER_014, 0.0),  # another size of the right defect; on the threshold is not above it
    (BALL, NORMAL, -1.0),
    (BALL, BALL, 0.5),
)


@pytest.fixture
def count(checkpoint: Checkpoint, contract: ModelContract):
    """Score windows given as in CELL; keywords change the contract."""

    def counted(cell: tuple[tuple[int, int, float], ...], **changes: float | None) -> Score:
        label, named, novelty = (np.array(column) for column in zip(*cell, strict=True))
        logits = np.eye(4, dtype=np.float32)[named]
        outputs = ModelOutputs(logits, logits / 2, novelty.astype(np.float32))
        model = replace(checkpoint, contract=contract.model_copy(update=changes))
        return score(outputs, label, Disturbance(), model)

    return counted


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("confusion", [[1, 0, 0, 2], [0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]]),
        ("accuracy", 2 / 6),
        ("macro_recall", (1 / 3 + 0 + 1 / 2) / 3),  # of the labels that occur
        ("condition_accuracy", 3 / 6),
        ("false_alarms", 1 / 3),
        ("abstained", 2 / 6),
    ],
)
def test_a_cell_counted_by_hand(count, field: str, expected: object):
    assert getattr(count(CELL), field) == (expected if field == "confusion" else pytest.approx(expected))


def test_a_model_without_a_threshold_never_abstains(count):
    result = count(CELL, abstention_threshold=None)
    assert (result.abstained, result.false_alarms) == (0, pytest.approx(2 / 3))


def test_without_healthy_windows_there_are_no_false_alarms(count):
    assert count(CELL[3:]).false_alarms == 0


def test_as_recorded_comes_first_then_each_noise_at_each_level(tiny: dict):
    recipe = recipe_from({**tiny, "evaluation": {"noises": ["pink", "gaussian"], "snr_db": [3, -3]}}, "tiny")
    cells = [(cell.noise and cell.noise.value, cell.snr_db) for cell in disturbances(recipe.evaluation)]
    assert cells == [(None, None), ("pink", 3), ("pink", -3), ("gaussian", 3), ("gaussian", -3)]


def test_the_same_windows_get_the_same_score_twice(checkpoint: Checkpoint, tiny: dict):
    recipe = recipe_from(tiny, "tiny")
    recordings = corpus_of(recipe).test
    scores = evaluate(checkpoint, recipe, recordings)
    assert scores == evaluate(checkpoint, recipe, recordings)
    assert [(s.noise, s.snr_db) for s in scores] == [(None, None), ("gaussian", 0), ("pink", 0)]
    windows = sum(recording.n_samples // 512 for recording in recordings)
    assert [np.sum(s.confusion) for s in scores] == [windows] * 3


def test_batches_change_no_answer_and_lose_no_window(checkpoint: Checkpoint):
    windows = np.random.default_rng(3).standard_normal((300, 1, 512)).astype(np.float32)
    diagnosis = checkpoint.build()
    together, apart = run(diagnosis, windows), [run(diagnosis, windows[i : i + 1]) for i in (0, 255, 256, 299)]
    for number, single in zip((0, 255, 256, 299), apart, strict=True):
        np.testing.assert_allclose(together.logits[number], single.logits[0], atol=1e-5)
        np.testing.assert_allclose(together.novelty[number], single.novelty[0], atol=1e-5)
    assert together.probabilities.shape == (300, 3)


def test_the_bare_network_says_what_the_graph_says(checkpoint: Checkpoint):
    diagnosis = checkpoint.build()
    windows = np.random.default_rng(4).standard_normal((300, 1, 512)).astype(np.float32)
    logits, embedding = features(diagnosis.network, windows)
    np.testing.assert_allclose(logits, run(diagnosis, windows).logits, atol=1e-6)
    expected = diagnosis(torch.from_numpy(windows[:9]))[3].detach().numpy()
    np.testing.assert_allclose(embedding[:9], expected, atol=1e-5)


def test_outputs_can_be_chosen_from_and_joined_again(checkpoint: Checkpoint):
    whole = run(checkpoint.build(), checkpoint.golden)
    first = np.arange(len(checkpoint.golden)) < 5
    again = ModelOutputs.joined([whole.part(first), whole.part(~first)])
    for name, array in vars(whole).items():
        np.testing.assert_array_equal(getattr(again, name), array)


def test_confidence_is_held_against_what_was_right(count):
    """Windows that are named right with a probability of one half are worth more than that."""
    right = count(((0, 0, 0.0), (1, 1, 0.0), (2, 2, 0.0), (3, 3, 0.0)))
    assert right.nll == pytest.approx(np.log(2))
    assert right.calibration_error == pytest.approx(0.5)
