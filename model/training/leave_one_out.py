"""Leave one known condition out: accuracy on a speed, load, machine or group that a training has not seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.report.comparison import IN_ORDERS
from drsn.model.report.levels import disturbances_of
from drsn.model.training.simple_models import Classifier, classifier_of, fit_simple_models
from drsn.model.windows import windows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from drsn.model.condition_folds import Fold
    from drsn.model.data.recording import Recording
    from drsn.model.network import Network
    from drsn.model.recipe import Recipe

    FitNetwork = Callable[[Fold], Network]
    """Trains a network on a fold's training part."""

FOLD_BATCHES, FOLD_TREES = 40, 60
"""Training batches and trees of the simple models of a fold: there are several folds."""


@dataclass(frozen=True)
class FoldResult:
    """Accuracy of each model on the value left out: model -> level of noise -> accuracy, the mean over its labels."""

    condition: str
    value: str
    recordings: int
    accuracy: dict[str, dict[str, float]]
    networks: dict[str, Network] = field(repr=False)
    """Those of the fold that a bundle can carry."""

    def document(self) -> dict[str, Any]:
        """The row for `metrics.json`."""
        return {
            "condition": self.condition,
            "value": self.value,
            "recordings": self.recordings,
            "accuracy": self.accuracy,
        }


def leave_one_out(
    recipe: Recipe,
    folds: Sequence[Fold],
    fit_network: FitNetwork | None,
    batches: int = FOLD_BATCHES,
    trees: int = FOLD_TREES,
) -> tuple[FoldResult, ...]:
    """Fit the simple models, and with `fit_network` the network too, on each fold; test each on what is left out.

    Raises:
        BadDataError: a recording is shorter than a window.
        UnavailableError: scikit-learn is not installed.
    """
    results = []
    for fold in folds:
        simple = fit_simple_models(recipe, fold.train, batches, trees)
        networks: dict[str, Network] = {"spectrum": simple.spectrum}
        if fit_network is not None:
            networks["network"] = fit_network(fold)
        classifiers = {**simple.classifiers, **{name: classifier_of(network) for name, network in networks.items()}}
        accuracy = accuracies(classifiers, fold.held_out, recipe)
        if fold.condition == "speed" and recipe.signal.domain == "time":
            accuracy |= _in_orders(recipe, fold, batches)
        results.append(FoldResult(fold.condition, fold.value, len(fold.held_out), accuracy, networks))
    return tuple(results)


def _in_orders(recipe: Recipe, fold: Fold, batches: int) -> dict[str, dict[str, float]]:
    """What the linear model would reach with `signal.domain = "order"`."""
    order = recipe.model_copy(update={"signal": recipe.signal.model_copy(update={"domain": "order"})})
    simple = fit_simple_models(order, fold.train, batches, trees=0)
    return accuracies({IN_ORDERS: classifier_of(simple.spectrum)}, fold.held_out, order)


def accuracies(
    classifiers: dict[str, Classifier], recordings: Sequence[Recording], recipe: Recipe
) -> dict[str, dict[str, float]]:
    """Model -> level of noise -> accuracy, the mean over the labels of the recordings; the same noise for all."""
    found: dict[str, dict[str, float]] = {name: {} for name in classifiers}
    for level, disturbances in disturbances_of(recipe.evaluation).items():
        sets = [windows_of(recordings, recipe, disturbance, recipe.seed) for disturbance in disturbances]
        for name, classify in classifiers.items():
            right = np.concatenate([classify(windows.samples) == windows.label for windows in sets])
            found[name][level] = macro_recall(right, np.concatenate([windows.label for windows in sets]))
    return found


def macro_recall(right: NDArray[np.bool_], label: NDArray[np.int64]) -> float:
    """Mean over the labels that are there of the share of their windows that is right."""
    return float(np.mean([right[label == index].mean() for index in np.unique(label)]))
