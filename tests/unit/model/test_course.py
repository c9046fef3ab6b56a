from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from drsn.model.augmentation import Batch
from drsn.model.course import GENTLE, Course, legs_of
from drsn.model.network import Network, NetworkConfig, Stage
from drsn.model.recipe import Optimisation

SETTINGS = Optimisation(steps=10, batch=8, learning_rate=0.01)


@pytest.fixture
def batch() -> Batch:
    rng = np.random.default_rng(1)
    return Batch(rng.standard_normal((8, 1, 256), np.float32), rng.integers(3, size=8))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(1)
    return Network(NetworkConfig(labels=3, stages=(Stage(channels=16),)))


def changed(network: Network, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 2500])
@pytest.mark.parametrize("fine_tuning", [False, True])
def test_the_legs_take_all_steps_and_leave_no_gap(steps: int, fine_tuning: bool):  # noqa: FBT001 (pytest's)
    legs = legs_of(Optimisation(steps=steps), fine_tuning=fine_tuning)
    assert [leg.start for leg in legs] == [0, *(leg.stop for leg in legs[:-1])]
    assert legs[-1].stop == steps


def test_a_training_from_nothing_has_one_leg_at_the_recipes_rate():
    (leg,) = legs_of(SETTINGS, fine_tuning=False)
    assert (leg.learning_rate, leg.head_only) == (0.01, False)


def test_fine_tuning_begins_with_a_fifth_for_the_head_and_ends_gently():
    head, rest = legs_of(SETTINGS, fine_tuning=True)
    assert (head.stop, head.head_only, head.learning_rate) == (2, True, 0.01)
    assert (rest.stop, rest.head_only, rest.learning_rate) == (10, False, GENTLE * 0.01)


def test_the_first_leg_of_fine_tuning_moves_the_classifier_and_nothing_else(network: Network, batch: Batch):
    """Not the running statistics either; then everything moves, and everywhere by little."""
    course = Course(network, SETTINGS, fine_tuning=True)
    before = copy.deepcopy(network.state_dict())
    course.learn(batch)
    course.learn(batch)
    assert changed(network, before) == {"classifier.weight", "classifier.bias"}
    before = copy.deepcopy(network.state_dict())
    course.learn(batch)
    moved = changed(network, before)
    assert {"stem.weight", "classifier.weight"} <= moved
    assert any(name.endswith("running_mean") for name in moved)
    step = max(float((value.detach() - before[name]).abs().max()) for name, value in network.named_parameters())
    assert step < 2 * GENTLE * SETTINGS.learning_rate


def test_the_steps_are_counted_and_the_loss_is_a_running_mean(network: Network, batch: Batch):
    course = Course(network, SETTINGS, fine_tuning=False)
    first, second = course.learn(batch), course.learn(batch)
    assert (course.step, course.steps_left) == (2, 8)
    assert course.loss == pytest.approx(0.98 * first + 0.02 * second)
