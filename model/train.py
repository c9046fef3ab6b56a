"""A recipe made into a checkpoint: fit, finish on the validation set, and only then look at the test set."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from drsn.model.comparison import compare
from drsn.model.confidence import on_test_set, with_row
from drsn.model.evaluate import Score, evaluate
from drsn.model.expectation import expected
from drsn.model.finish import finished
from drsn.model.fit import Progress, fit
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.corpus import Corpus
    from drsn.model.keeper import Keeper
    from drsn.model.origin import Origin
    from drsn.model.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """What a training gives."""

    checkpoint: Checkpoint
    scores: tuple[Score, ...]


def train(
    recipe: Recipe,
    progress: Progress,
    *,
    corpus: Corpus | None = None,
    origin: Origin | None = None,
    keeper: Keeper | None = None,
) -> Outcome:
    """Train, calibrate, evaluate.

    `corpus` spares reading the recipe's recordings again. With `origin` this is a fine-tuning, of a recipe that has
    adopted the bundle's architecture; `keeper` makes it one that may be cut off.

    Raises:
        BadDataError: the recipe's data is missing or unfit.
        KeyboardInterrupt: cut off; the keeper has written what is needed to go on.
    """
    started = time.monotonic() - (keeper.earlier_s if keeper else 0.0)
    corpus = corpus or corpus_of(recipe)
    with keeper.interruptible() if keeper else nullcontext():
        network = fit(recipe, corpus.train, progress, origin=origin, keeper=keeper)
    checkpoint = finished(recipe, network, corpus)
    fitted_s = time.monotonic() - started
    scores = evaluate(checkpoint, recipe, corpus.test)
    checkpoint = with_row(checkpoint, on_test_set(checkpoint, recipe, corpus.test))
    metrics = {**checkpoint.training.metrics, "fit_s": round(fitted_s, 1), **summary(scores)}
    metrics["expected"] = asdict(expected(scores, corpus))
    if origin:
        metrics["origin"] = origin.record
        metrics["fine_tuning"] = asdict(compare(origin, checkpoint, recipe, corpus.test))
    training = checkpoint.training.model_copy(update={"metrics": metrics})
    return Outcome(replace(checkpoint, training=training), scores)


def summary(scores: tuple[Score, ...]) -> dict[str, Any]:
    """The scores without their confusion matrices, for the record that travels with the weights."""
    cells = [{key: value for key, value in asdict(score).items() if key != "confusion"} for score in scores]
    return {"test": cells}
