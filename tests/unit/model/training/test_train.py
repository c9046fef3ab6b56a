from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from drsn.model.evaluate import run
from drsn.model.recipe import recipe_from
from drsn.model.training.train import TrainingResult, train

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint


@pytest.fixture
def trained(tiny: dict):
    """Train the tiny recipe, its data changed."""

    def make(**data: object) -> TrainingResult:
        return train(recipe_from({**tiny, "data": {**tiny["data"], **data}}, "tiny"), lambda _step, _loss: None)

    return make


def assert_same_model(first: Checkpoint, second: Checkpoint):
    assert first.contract == second.contract  # the abstention threshold among it
    assert (first.temperature, first.network) == (second.temperature, second.network)
    assert all(torch.equal(weights, second.state[name]) for name, weights in first.state.items())
    np.testing.assert_array_equal(first.golden, second.golden)


def test_the_test_set_decides_nothing(checkpoint: Checkpoint, trained):
    """One more test machine: other scores, and the same model to the bit."""
    outcome = trained(test_machines=3)
    assert_same_model(outcome.checkpoint, checkpoint)
    assert outcome.checkpoint.training.data_sha256 != checkpoint.training.data_sha256
    assert np.sum(outcome.scores[0].confusion) == 3 * 3 * 7


def test_a_checkpoint_holds_enough_to_make_it_again(checkpoint: Checkpoint):
    again = train(recipe_from(checkpoint.training.recipe, "in the checkpoint"), lambda _step, _loss: None).checkpoint
    assert_same_model(again, checkpoint)
    assert again.training.data_sha256 == checkpoint.training.data_sha256
    assert again.training.metrics["test"] == checkpoint.training.metrics["test"]


def test_the_record_that_travels_has_the_score_of_every_cell(checkpoint: Checkpoint):
    metrics = checkpoint.training.metrics
    assert metrics["parameters"] == sum(p.numel() for p in checkpoint.build().parameters())
    assert metrics["versions"]["torch"] == torch.__version__
    assert 0 <= metrics["validation_accuracy"] <= 1
    assert [(cell["noise"], cell["snr_db"]) for cell in metrics["test"]] == [(None, None), ("gaussian", 0), ("pink", 0)]


def test_golden_windows_are_fit_to_prove_abstention(checkpoint: Checkpoint):
    novelty = run(checkpoint.build(), checkpoint.golden).novelty
    abstains = novelty > checkpoint.contract.abstention_threshold
    assert abstains.any()
    assert not abstains.all()
