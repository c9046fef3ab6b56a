"""A recipe made into a checkpoint: fit, calibrate on the validation set, and only then look at the test set."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from drsn.model.calibration import fit_temperature, fit_threshold
from drsn.model.checkpoint import Checkpoint
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
    from drsn.model.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """What a training gives."""

    checkpoint: Checkpoint
    scores: tuple[Score, ...]


def train(recipe: Recipe, progress: Progress) -> Outcome:
    """Train, calibrate, evaluate.

    Raises:
        BadDataError: the recipe's data is missing or unfit.
    """
    started = time.monotonic()
    corpus = corpus_of(recipe)
    network = fit(recipe, corpus.train, progress)
    checkpoint = calibrated(recipe, network, corpus)
    fitted_s = time.monotonic() - started
    scores = evaluate(checkpoint, recipe, corpus.test)
    metrics = {**checkpoint.training.metrics, "fit_s": round(fitted_s, 1), **summary(scores)}
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
