"""A recipe made into a checkpoint: fit, calibrate on the validation set, and only then look at the test set."""

from __future__ import annotations

import platform
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from drsn.model.calibration import fit_temperature, fit_threshold
from drsn.model.checkpoint import Checkpoint
from drsn.model.comparison import compare
from drsn.model.contract import Training
from drsn.model.evaluate import Score, evaluate, run
from drsn.model.fit import THREADS, Progress, fit
from drsn.model.golden import golden_windows
from drsn.model.network import Diagnosis, Network
from drsn.model.sources import corpus_of
from drsn.model.windows import Disturbance, windows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    checkpoint = calibrated(recipe, network, corpus)
    fitted_s = time.monotonic() - started
    scores = evaluate(checkpoint, recipe, corpus.test)
    metrics = {**checkpoint.training.metrics, "fit_s": round(fitted_s, 1), **summary(scores)}
    if origin:
        metrics["origin"] = origin.record
        metrics["fine_tuning"] = asdict(compare(origin, checkpoint, recipe, corpus.test))
    training = checkpoint.training.model_copy(update={"metrics": metrics})
    return Outcome(replace(checkpoint, training=training), scores)


def calibrated(recipe: Recipe, network: Network, corpus: Corpus) -> Checkpoint:
    """Fit temperature and abstention threshold on the validation set, and choose the golden windows from it."""
    samples, label = _validation(recipe, corpus)
    logits = torch.from_numpy(run(Diagnosis(network).eval(), samples).logits)
    temperature = fit_temperature(logits, torch.from_numpy(label))
    outputs = run(Diagnosis(network, temperature).eval(), samples)
    threshold = fit_threshold(outputs.novelty, recipe.evaluation.acceptance)
    metrics = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "threads": THREADS,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "validation_accuracy": float(np.mean(outputs.logits.argmax(axis=1) == label)),
    }
    return Checkpoint(
        name=recipe.name,
        version=recipe.version,
        network=recipe.network_config(),
        state=network.state_dict(),
        temperature=temperature,
        contract=recipe.contract(threshold),
        training=Training(
            recipe=recipe.model_dump(mode="json"), data_sha256=corpus.sha256, seed=recipe.seed, metrics=metrics
        ),
        golden=golden_windows(samples, outputs),
    )


def _validation(recipe: Recipe, corpus: Corpus) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Validation windows as recorded, and under each noise at each SNR that the model must accept."""
    evaluation = recipe.evaluation
    cells = [Disturbance()]
    cells += [Disturbance(n, snr_db) for n in evaluation.noises for snr_db in evaluation.acceptance_snr_db]
    sets = [windows_of(corpus.validation, recipe, cell, recipe.seed) for cell in cells]
    return np.concatenate([s.samples for s in sets]), np.concatenate([s.label for s in sets])


def summary(scores: tuple[Score, ...]) -> dict[str, Any]:
    """The scores without their confusion matrices, for the record that travels with the weights."""
    cells = [{key: value for key, value in asdict(score).items() if key != "confusion"} for score in scores]
    return {"test": cells}
