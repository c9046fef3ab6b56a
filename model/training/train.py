"""A complete training: fit the weights, calibrate on the validation set, and only then evaluate on the test set."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from drsn.model.confidence import on_test_set, with_row
from drsn.model.confidence_interval import expected_accuracy
from drsn.model.evaluate import Score, evaluate
from drsn.model.sources import corpus_of
from drsn.model.training.blind_conditions import BlindCondition, blind_on_test_set
from drsn.model.training.calibrate import calibrated_checkpoint
from drsn.model.training.fine_tuning import compare
from drsn.model.training.loop import Progress, fit
from drsn.model.training.selection import select_model

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.corpus import Corpus
    from drsn.model.recipe import Recipe
    from drsn.model.training.pretrained import PretrainedModel
    from drsn.model.training.resume import ResumeFile
    from drsn.model.training.selection import Selection


@dataclass(frozen=True)
class TrainingResult:
    """The trained model and its scores on the test set, and the conditions that it never finds and accepts."""

    checkpoint: Checkpoint
    scores: tuple[Score, ...]
    blind: tuple[BlindCondition, ...] = ()


def train(
    recipe: Recipe,
    progress: Progress,
    *,
    corpus: Corpus | None = None,
    pretrained: PretrainedModel | None = None,
    resume_file: ResumeFile | None = None,
) -> TrainingResult:
    """Train, select, calibrate, evaluate.

    `corpus` saves reading the recipe's recordings again. With `pretrained` this is a fine-tuning, and the recipe must
    have the bundle's architecture (`PretrainedModel.with_architecture`). With `resume_file` it can be interrupted and
    resumed.

    Raises:
        BadDataError: the recipe's data is missing or unfit.
        KeyboardInterrupt: interrupted; `resume_file` holds the state to continue from.
    """
    started = time.monotonic() - (resume_file.earlier_s if resume_file else 0.0)
    corpus = corpus or corpus_of(recipe)
    with resume_file.interruptible() if resume_file else nullcontext():
        network = None
        if recipe.selection.carry != "spectrum":
            network = fit(recipe, corpus.train, progress, pretrained=pretrained, resume_file=resume_file)
    selection = select_model(recipe, network, corpus, progress) if recipe.selection.compare != "none" else None
    if selection:
        recipe, network = selection.recipe, selection.network
    assert network is not None, "what is not compared carries the network"
    checkpoint = calibrated_checkpoint(recipe, network, corpus)
    fitted_s = time.monotonic() - started
    return _evaluated(recipe, checkpoint, corpus, selection, pretrained, fitted_s)


def _evaluated(
    recipe: Recipe,
    checkpoint: Checkpoint,
    corpus: Corpus,
    selection: Selection | None,
    pretrained: PretrainedModel | None,
    fitted_s: float,
) -> TrainingResult:
    """Use the test set: the scores, and what the metrics compare with them."""
    scores = evaluate(checkpoint, recipe, corpus.test)
    checkpoint = with_row(checkpoint, on_test_set(checkpoint, recipe, corpus.test))
    metrics = {**checkpoint.training.metrics, "fit_s": round(fitted_s, 1), **summary(scores)}
    metrics["expected"] = asdict(expected_accuracy(scores, corpus))
    if pretrained:
        metrics["origin"] = pretrained.reference
        metrics["fine_tuning"] = asdict(compare(pretrained, checkpoint, recipe, corpus.test))
    blind: tuple[BlindCondition, ...] = ()
    if selection:
        blind = (*selection.blind, *blind_on_test_set(checkpoint, recipe, corpus.test))
        metrics |= {**selection.metrics, "test_by_model": selection.on_test_set(corpus.test)}
        metrics["blind"] = [condition.document() for condition in blind]
    training = checkpoint.training.model_copy(update={"metrics": metrics})
    return TrainingResult(replace(checkpoint, training=training), scores, blind)


def summary(scores: tuple[Score, ...]) -> dict[str, Any]:
    """The scores without their confusion matrices, as they are stored in the checkpoint."""
    cells = [{key: value for key, value in asdict(score).items() if key != "confusion"} for score in scores]
    return {"test": cells}
