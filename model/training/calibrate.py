"""Calibration: trained weights to a checkpoint with novelty score, temperature, threshold and golden windows.

The novelty score is fitted on augmented training windows; temperature and threshold on the validation set.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from drsn.model.checkpoint import Checkpoint
from drsn.model.confidence import confidence, held_out, trained_noise, with_temperature
from drsn.model.contract import Training
from drsn.model.deployed_model import DeployedModel
from drsn.model.evaluate import features, run
from drsn.model.golden import golden_windows
from drsn.model.novelty import fit_coefficients
from drsn.model.training.augmentation import Augmenter
from drsn.model.training.loop import THREADS
from drsn.model.windows import Disturbance, windows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.corpus import Corpus
    from drsn.model.data.recording import Recording
    from drsn.model.evaluate import ModelOutputs
    from drsn.model.network import Network
    from drsn.model.novelty import NoveltyCoefficients
    from drsn.model.recipe import Recipe

NOVELTY_BATCHES = 80
"""Batches of training windows for means and covariances: 10,240 windows with the usual 128 a batch."""

NOVELTY_STREAM = 1
"""Second element of the generator's seed, so that these draws differ from those of training (the seed alone)."""

LOG_TEMPERATURES = torch.linspace(-2.0, 2.0, 401)  # 0.14 to 7.4 in steps of 1 %


def fit_novelty(recipe: Recipe, network: Network, recordings: Sequence[Recording]) -> NoveltyCoefficients:
    """Fit the novelty score of a trained network, in evaluation mode, on augmented windows of its training recordings.

    Raises:
        ConfigurationError: the network gives all of them the same embedding.
    """
    augmenter = Augmenter(recordings, recipe, np.random.default_rng([recipe.seed, NOVELTY_STREAM]))
    batches = [augmenter.draw() for _ in range(NOVELTY_BATCHES)]
    _, embedding = features(network, np.concatenate([batch.samples for batch in batches]))
    return fit_coefficients(embedding, np.concatenate([batch.label for batch in batches]))


def fit_temperature(logits: torch.Tensor, label: torch.Tensor) -> float:
    """The temperature of the least cross-entropy (Guo et al., ICML 2017), by exhaustive search."""
    losses = [float(functional.cross_entropy(logits / t.exp(), label)) for t in LOG_TEMPERATURES]
    return float(LOG_TEMPERATURES[int(np.argmin(losses))].exp())


def fit_threshold(novelty: NDArray[np.float32], acceptance: float) -> float:
    """The novelty threshold: the share `acceptance` of windows stays below it."""
    return float(np.quantile(novelty, acceptance))


def calibrated_checkpoint(recipe: Recipe, network: Network, corpus: Corpus) -> Checkpoint:
    """Fit novelty score, temperature and abstention threshold, and choose the golden windows.

    The temperature is fitted on one part of the validation set and tested on the other (drsn.model.confidence).

    Raises:
        ConfigurationError: the network gives all windows the same embedding.
    """
    known = fit_novelty(recipe, network, corpus.train)
    temperature, parts = _fit_temperature(DeployedModel(network, known).eval(), recipe, corpus.validation)
    samples, label = validation_windows(recipe, corpus.validation)
    outputs = run(DeployedModel(network, known, temperature).eval(), samples)
    threshold = fit_threshold(outputs.novelty, recipe.evaluation.acceptance)
    metrics = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "threads": THREADS,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "validation_accuracy": float(np.mean(outputs.logits.argmax(axis=1) == label)),
        "calibration": [asdict(confidence(name, *part, threshold)) for name, part in parts.items()],
    }
    return Checkpoint(
        name=recipe.name,
        version=recipe.version,
        network=recipe.network_config(),
        state=network.state_dict(),
        known=known,
        temperature=temperature,
        contract=recipe.contract(threshold),
        training=Training(
            recipe=recipe.model_dump(mode="json"), data_sha256=corpus.sha256, seed=recipe.seed, metrics=metrics
        ),
        golden=golden_windows(samples, outputs),
    )


def _fit_temperature(
    uncalibrated: DeployedModel, recipe: Recipe, recordings: Sequence[Recording]
) -> tuple[float, dict[str, tuple[ModelOutputs, NDArray[np.int64]]]]:
    """Return the temperature, and calibrated outputs and labels of both parts of the validation set."""
    outputs, windows = trained_noise(uncalibrated, recipe, recordings)
    held = held_out(windows, recordings)
    temperature = fit_temperature(torch.from_numpy(outputs.logits[~held]), torch.from_numpy(windows.label[~held]))
    calibrated = with_temperature(outputs, temperature)
    parts = {"validation, fitted": ~held, "validation, held out": held}
    # One recording of one window leaves nothing to hold out, and a calibration error needs two.
    sized = {name: part for name, part in parts.items() if np.count_nonzero(part) > 1}
    return temperature, {name: (calibrated.part(part), windows.label[part]) for name, part in sized.items()}


def validation_windows(
    recipe: Recipe, recordings: Sequence[Recording]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The recordings' windows as recorded, and under each noise at each SNR that the model must accept."""
    evaluation = recipe.evaluation
    cells = [Disturbance()]
    cells += [Disturbance(n, snr_db) for n in evaluation.noises for snr_db in evaluation.accepted_snr_db]
    sets = [windows_of(recordings, recipe, cell, recipe.seed) for cell in cells]
    return np.concatenate([s.samples for s in sets]), np.concatenate([s.label for s in sets])
