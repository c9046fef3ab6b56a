"""Conditions that a model never finds and accepts: a wrong name with confidence is worse than none.

Where a condition of a value left out (a speed, say) is named right in no window, and the model does not abstain, two
things can follow: a stricter abstention threshold, if it refuses these windows and keeps most others; else the training
is refused.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.deployed_model import DeployedModel
from drsn.model.evaluate import ModelOutputs, features, run
from drsn.model.training.calibrate import fit_novelty, fit_threshold, validation_windows
from drsn.model.windows import Disturbance, windows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.condition_folds import Fold
    from drsn.model.data.recording import Recording
    from drsn.model.network import Network
    from drsn.model.recipe import Recipe

ACCEPTED = 0.05
"""A condition that is never found is a fault of the model if more than this share of its windows is accepted."""

STRICTER = (0.9, 0.8)
"""Shares of validation windows that a stricter threshold may accept; with less the model would be of little use."""


@dataclass(frozen=True)
class BlindCondition:
    """A condition of which no window is named right. `named` is the condition that most of them are taken for."""

    condition: str
    where: str
    named: str
    accepted: float

    def __str__(self) -> str:
        return (
            f"{self.where}: every window of {self.condition} is named otherwise, most {self.named}, "
            f"and {self.accepted:.0%} of them are accepted"
        )

    def document(self) -> dict[str, Any]:
        """The row for `metrics.json`."""
        return asdict(self)


def blind_conditions(
    outputs: ModelOutputs, label: NDArray[np.int64], recipe: Recipe, threshold: float, where: str
) -> tuple[BlindCondition, ...]:
    """The conditions that are never named right and not refused either."""
    conditions = np.array([entry.condition for entry in recipe.labels])
    true, named = conditions[label], conditions[outputs.logits.argmax(axis=1)]
    found = []
    for condition in dict.fromkeys(true.tolist()):
        of_it = true == condition
        accepted = float(np.mean(outputs.novelty[of_it] <= threshold))
        if accepted > ACCEPTED and not (named[of_it] == condition).any():
            names, counts = np.unique(named[of_it], return_counts=True)
            found.append(BlindCondition(condition, where, str(names[counts.argmax()]), accepted))
    return tuple(found)


def blind_on_fold(recipe: Recipe, network: Network, fold: Fold) -> tuple[float, tuple[BlindCondition, ...]]:
    """What a fold's network is blind to at the value left out.

    Returns:
        The share of windows to accept: the recipe's, or a smaller one at which the model is not blind. And the
        conditions that it is blind to at every share; the first is then the recipe's.
    """
    where, wanted = f"{fold.condition} {fold.value}, left out of training", recipe.evaluation.acceptance
    windows = windows_of(fold.held_out, recipe, Disturbance(), recipe.seed)
    logits, _ = features(network, windows.samples)
    accepted = np.full(len(logits), -np.inf, np.float32)
    blind = blind_conditions(ModelOutputs(logits, logits, accepted), windows.label, recipe, 0.0, where)
    if not blind:  # all are found, whatever is accepted
        return wanted, ()
    model = DeployedModel(network, fit_novelty(recipe, network, fold.train)).eval()
    outputs = run(model, windows.samples)
    known = run(model, validation_windows(recipe, fold.train)[0]).novelty
    for acceptance in (wanted, *(share for share in STRICTER if share < wanted)):
        blind = blind_conditions(outputs, windows.label, recipe, fit_threshold(known, acceptance), where)
        if not blind:
            return acceptance, ()
    return wanted, blind


def blind_on_test_set(
    checkpoint: Checkpoint, recipe: Recipe, recordings: Sequence[Recording]
) -> tuple[BlindCondition, ...]:
    """What the final model is blind to on the test set."""
    threshold = checkpoint.contract.abstention_threshold
    windows = windows_of(recordings, recipe, Disturbance(), recipe.seed)
    outputs = run(checkpoint.build(), windows.samples)
    return blind_conditions(outputs, windows.label, recipe, np.inf if threshold is None else threshold, "test set")
