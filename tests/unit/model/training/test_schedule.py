from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from drsn.model.network import Network, NetworkConfig, StageConfig
from drsn.model.recipe import Optimisation
from drsn.model.training.augmentation import TrainingBatch
from drsn.model.training.schedule import FULL_RATE_FACTOR, Trainer, phases_of

SETTINGS = Optimisation(steps=10, batch=8, learning_rate=0.01)


@pytest.fixture
def batch() -> TrainingBatch:
    rng = np.random.default_rng(1)
    return TrainingBatch(rng.standard_normal((8, 1, 256), np.float32), rng.integers(3, size=8))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(1)
    return Network(NetworkConfig(labels=3, stages=(StageConfig(channels=16),)))


def changed(network: Network, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 2500])
@pytest.mark.parametrize("fine_tuning", [False, True])
def test_the_phases_take_all_steps_and_leave_no_gap(steps: int, fine_tuning: bool):  # noqa: FBT001 (pytest's)
    phases = phases_of(Optimisation(steps=steps), fine_tuning=fine_tuning)
    assert [phase.start for phase in phases] == [0, *(phase.stop for phase in phases[:-1])]
    assert phases[-1].stop == steps


def test_a_training_from_nothing_has_one_phase_at_the_recipes_rate():
    (phase,) = phases_of(SETTINGS, fine_tuning=False)
    assert (phase.learning_rate, phase.head_only) == (0.01, False)


def test_fine_tuning_begins_with_a_fifth_for_the_head_and_ends_gently():
    head, rest = phases_of(SETTINGS, fine_tuning=True)
    assert (head.stop, head.head_only, head.learning_rate) == (2, True, 0.01)
    assert (rest.stop, rest.head_only, rest.learning_rate) == (10, False, FULL_RATE_FACTOR * 0.01)


def test_the_first_phase_of_fine_tuning_moves_the_classifier_and_nothing_else(network: Network, batch: TrainingBatch):
    """Not the running statistics either; then everything moves, and everywhere by little."""
    trainer = Trainer(network, SETTINGS, fine_tuning=True)
    before = copy.deepcopy(network.state_dict())
    trainer.train_step(batch)
    trainer.train_step(batch)
    assert changed(network, before) == {"classifier.weight", "classifier.bias"}
    before = copy.deepcopy(network.state_dict())
    trainer.train_step(batch)
    moved = changed(network, before)
    assert {"stem.weight", "classifier.weight"} <= moved
    assert any(name.endswith("running_mean") for name in moved)
    step = max(float((value.detach() - before[name]).abs().max()) for name, value in network.named_parameters())
    assert step < 2 * FULL_RATE_FACTOR * SETTINGS.learning_rate


def test_the_steps_are_counted_and_the_loss_is_a_running_mean(network: Network, batch: TrainingBatch):
    trainer = Trainer(network, SETTINGS, fine_tuning=False)
    first, second = trainer.train_step(batch), trainer.train_step(batch)
    assert (trainer.step, trainer.steps_left) == (2, 8)
    assert trainer.loss == pytest.approx(0.98 * first + 0.02 * second)
