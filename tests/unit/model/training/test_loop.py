from __future__ import annotations

import pytest
import torch

from drsn.model.errors import ConfigurationError
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.sources import corpus_of
from drsn.model.training.loop import fit


@pytest.fixture
def losses() -> list[float]:
    return []


@pytest.fixture
def fitted(tiny: dict, losses: list[float]):
    """Fit the tiny recipe with changes; returns the weights and leaves the running losses in `losses`."""

    def make(**changes: object) -> dict[str, torch.Tensor]:
        recipe: Recipe = recipe_from({**tiny, **changes}, "tiny")
        losses.clear()
        network = fit(recipe, corpus_of(recipe_from(tiny, "tiny")).train, lambda _step, loss: losses.append(loss))
        assert not network.training
        return network.state_dict()

    return make


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_same_recipe_gives_the_same_weights_to_the_bit(fitted):
    """Whatever ran before it in the same process."""
    first = fitted()
    torch.set_num_threads(1)
    torch.rand(100)
    again = fitted()
    assert same(first, again)


def test_another_seed_gives_other_weights(fitted):
    assert not same(fitted(), fitted(seed=2))


def test_a_training_that_diverges_says_so(fitted):
    with pytest.raises(ConfigurationError, match=r"diverged at step .* lower optimisation\.learning_rate"):
        fitted(optimisation={"steps": 60, "batch": 16, "learning_rate": 1e30})


def test_the_loss_falls_and_every_step_is_reported(fitted, losses: list[float]):
    easy = {"snr_db": [10, 20], "equaliser_db": 0.0, "speed": 0.0}
    fitted(augmentation=easy, optimisation={"steps": 60, "batch": 32})
    assert len(losses) == 60
    assert losses[-1] < 0.9 * losses[0]
