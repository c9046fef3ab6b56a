"""Model selection: the bundle carries the network, the linear model on the log spectrum, or the mean of both.

The choice is made on what was left out of training (drsn.model.training.leave_one_out) where a known condition can be
left out, else on the validation set; never on the test set. A model of fewer parts wins a tie.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch

from drsn.model.condition_folds import condition_folds
from drsn.model.ensemble import network_of
from drsn.model.evaluate import features
from drsn.model.network import Spectrum
from drsn.model.training.blind_conditions import blind_on_fold
from drsn.model.training.calibrate import fit_temperature
from drsn.model.training.leave_one_out import accuracies, leave_one_out
from drsn.model.training.loop import fit
from drsn.model.training.simple_models import classifier_of, fit_simple_models
from drsn.model.windows import NoiseMix, windows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from drsn.model.condition_folds import ConditionFolds, Fold
    from drsn.model.corpus import Corpus
    from drsn.model.data.recording import Recording
    from drsn.model.network import Network
    from drsn.model.recipe import Recipe
    from drsn.model.training.blind_conditions import BlindCondition
    from drsn.model.training.leave_one_out import FoldResult
    from drsn.model.training.loop import Progress
    from drsn.model.training.simple_models import Classifier

TIE = 0.005
"""A model must be more accurate by this to win against one of fewer parts."""

LEAST_STEPS = 200
"""Of a fold's training."""

FORMS = {"spectrum": Spectrum.ALONE, "both": Spectrum.BESIDE, "network": Spectrum.NONE}
"""Candidates, of fewest parts first."""


@dataclass(frozen=True)
class Selection:
    """The selected network, with the recipe that describes it, the simple models, and what the selection went by."""

    name: str
    recipe: Recipe
    network: Network
    simple: dict[str, Classifier]
    blind: tuple[BlindCondition, ...]
    metrics: dict[str, Any]

    def on_test_set(self, recordings: Sequence[Recording]) -> dict[str, dict[str, float]]:
        """Accuracy of the simple models and of the selected one on the test set: model -> level of noise."""
        return accuracies({**self.simple, self.name: classifier_of(self.network)}, recordings, self.recipe)


def select_model(recipe: Recipe, network: Network | None, corpus: Corpus, progress: Progress) -> Selection:
    """Fit the simple models, leave conditions out, and select.

    Args:
        recipe: its `selection` may name the model.
        network: trained on `corpus.train`; None if the recipe carries the linear model alone.
        corpus: the test set is not used.
        progress: of the network's trainings on folds.

    Raises:
        BadDataError: a recording is shorter than a window.
        UnavailableError: scikit-learn is not installed.
    """
    simple = fit_simple_models(recipe, corpus.train)
    candidates = _candidates(recipe, network, simple.spectrum, corpus)
    known = _folds(corpus)
    folds = [fold for parts in known.by_condition.values() for fold in parts]
    left_out = network is not None and recipe.selection.compare == "full"
    fit_network = _fold_training(recipe, len(folds), progress) if left_out else None
    results = leave_one_out(recipe, folds, fit_network)
    results = tuple(_with_both(result, fold, recipe) for result, fold in zip(results, folds, strict=True))
    validation = accuracies({n: classifier_of(c) for n, c in candidates.items()}, corpus.validation, recipe)
    name: str = recipe.selection.carry
    if name == "best":
        name = most_accurate(candidates, validation, results)
    chosen = recipe
    if name != "network":
        architecture = recipe.network.model_copy(update={"spectrum": FORMS[name]})
        chosen = recipe.model_copy(update={"network": architecture})
    chosen, blind = _checked(chosen, name, folds, results)
    metrics = {
        "carried": name,
        "validation_by_model": validation,
        "leave_one_out": [result.document() for result in results],
        "leave_one_out_notes": list(known.notes),
        "acceptance": chosen.evaluation.acceptance,
    }
    return Selection(name, chosen, candidates[name], simple.classifiers, blind, metrics)


def _candidates(recipe: Recipe, network: Network | None, spectrum: Network, corpus: Corpus) -> dict[str, Network]:
    candidates = {"spectrum": spectrum}
    if network is not None:
        candidates["network"] = network
        if recipe.selection.carry in ("best", "both"):
            candidates["both"] = combined(network, spectrum, recipe, corpus.validation)
    return candidates


def _checked(
    recipe: Recipe, name: str, folds: Sequence[Fold], results: Sequence[FoldResult]
) -> tuple[Recipe, tuple[BlindCondition, ...]]:
    """The recipe with the acceptance at which no condition left out is blind; and the blind ones, if there is none."""
    checked = [
        blind_on_fold(recipe, result.networks[name], fold)
        for fold, result in zip(folds, results, strict=True)
        if name in result.networks
    ]
    acceptance = min((share for share, _ in checked), default=recipe.evaluation.acceptance)
    evaluation = recipe.evaluation.model_copy(update={"acceptance": acceptance})
    blind = tuple(condition for _, found in checked for condition in found)
    return recipe.model_copy(update={"evaluation": evaluation}), blind


def _fold_training(recipe: Recipe, folds: int, progress: Progress) -> Callable[[Fold], Network]:
    """Training of a fold's network."""
    steps = _fold_steps(recipe, folds)
    short = recipe.model_copy(update={"optimisation": recipe.optimisation.model_copy(update={"steps": steps})})
    return lambda fold: fit(short, fold.train, progress)


def _fold_steps(recipe: Recipe, folds: int) -> int:
    """Steps of one fold: all folds together take as many as the recipe's training, or a few more."""
    steps = recipe.optimisation.steps
    return min(steps, max(LEAST_STEPS, steps // max(1, folds)))


def training_steps(recipe: Recipe, corpus: Corpus) -> int:
    """Steps of the network's training and of those on the folds together."""
    if recipe.selection.carry == "spectrum":
        return 0
    folds = 0
    if recipe.selection.compare == "full":
        folds = sum(map(len, _folds(corpus).by_condition.values()))
    return recipe.optimisation.steps + folds * _fold_steps(recipe, folds)


def _folds(corpus: Corpus) -> ConditionFolds:
    return condition_folds((*corpus.train, *corpus.validation))


def combined(network: Network, spectrum: Network, recipe: Recipe, recordings: Sequence[Recording]) -> Network:
    """Both in one ensemble whose logits are the mean of theirs, each at the temperature that fits the recordings.

    The temperatures, and the number of members, are factors in the weights of the classifiers.
    """
    windows = windows_of(recordings, recipe, NoiseMix.of(recipe.augmentation), recipe.seed)
    label = torch.from_numpy(windows.label)
    architecture = recipe.network.model_copy(update={"spectrum": Spectrum.BESIDE})
    ensemble = network_of(recipe.model_copy(update={"network": architecture}).network_config())
    members = (*network.member_networks, spectrum)
    factors = [
        len(members) / (2 * fit_temperature(torch.from_numpy(features(part, windows.samples)[0]), label) * share)
        for part, share in ((network, len(members) - 1), (spectrum, 1))
    ]
    for number, (place, member) in enumerate(zip(ensemble.member_networks, members, strict=True)):
        place.load_state_dict(member.state_dict())
        factor = factors[number == len(members) - 1]
        place.classifier.weight.data *= factor
        place.classifier.bias.data *= factor
    return ensemble.eval()


def _with_both(result: FoldResult, fold: Fold, recipe: Recipe) -> FoldResult:
    """The result of a fold with the mean of network and linear model, if the fold trained a network."""
    if "network" not in result.networks or recipe.selection.carry not in ("best", "both"):
        return result
    both = combined(result.networks["network"], result.networks["spectrum"], recipe, fold.train)
    result.networks["both"] = both
    result.accuracy.update(accuracies({"both": classifier_of(both)}, fold.held_out, recipe))
    return result


def most_accurate(
    candidates: Iterable[str], validation: dict[str, dict[str, float]], folds: Sequence[FoldResult]
) -> str:
    """The most accurate candidate over all levels of noise, on what was left out if all of them were tested there."""
    names = {*candidates}
    rows = [result.accuracy for result in folds]
    if not rows or not all(names <= row.keys() for row in rows):
        rows = [validation]
    best = ""
    means = {name: fmean(fmean(row[name].values()) for row in rows) for name in names}
    for name in (form for form in FORMS if form in names):
        if not best or means[name] > means[best] + TIE:
            best = name
    return best
