"""Accuracy over noise and SNR, on windows that neither the weights nor the thresholds have seen."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch

from drsn.model.calibration import negative_log_likelihood, reliability
from drsn.model.deployed_model import model_input
from drsn.model.windows import Disturbance, windows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.data.recording import Recording
    from drsn.model.deployed_model import DeployedModel
    from drsn.model.network import Network
    from drsn.model.recipe import Evaluation, Recipe

BATCH = 256


@dataclass(frozen=True)
class ModelOutputs:
    """Outputs of the model for n windows: logits and probabilities float32[n, labels], novelty float32[n]."""

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    novelty: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Sequence[ModelOutputs]) -> ModelOutputs:
        """Concatenate several outputs."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def part(self, chosen: NDArray[np.bool_]) -> ModelOutputs:
        """Outputs of the windows that the mask bool[n] selects."""
        return ModelOutputs(self.logits[chosen], self.probabilities[chosen], self.novelty[chosen])


@dataclass(frozen=True)
class Score:
    """Scores at one noise and SNR. `confusion[true][predicted]` counts windows; only `abstained` depends on abstention.

    `condition_accuracy` ignores the size of a defect; `false_alarms` is the share of healthy windows that are
    predicted as a fault without abstention. `calibration_error` is 0 to 1, `nll` in nats: drsn.model.calibration.
    """

    noise: str | None
    snr_db: float | None
    accuracy: float
    macro_recall: float
    condition_accuracy: float
    false_alarms: float
    abstained: float
    calibration_error: float
    nll: float
    confusion: list[list[int]]


def run(model: DeployedModel, samples: NDArray[np.float32]) -> ModelOutputs:
    """Run the model on float32[n, channels, window] in batches of 256."""
    with torch.inference_mode():
        parts = [
            [output.numpy() for output in model(torch.from_numpy(samples[start : start + BATCH]))[:3]]
            for start in range(0, len(samples), BATCH)
        ]
    logits, probabilities, novelty = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return ModelOutputs(logits, probabilities, novelty)


def features(network: Network, samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits float32[n, labels] and embeddings float32[n, features] of a bare network, in evaluation mode."""
    with torch.inference_mode():
        parts = [
            network(*model_input(network, torch.from_numpy(samples[start : start + BATCH])))[:2]
            for start in range(0, len(samples), BATCH)
        ]
    logits, embeddings = (torch.cat(tensors).numpy() for tensors in zip(*parts, strict=True))
    return logits, embeddings


def disturbances(evaluation: Evaluation) -> tuple[Disturbance, ...]:
    """The disturbances to evaluate: none, then each noise at each SNR."""
    noisy = (Disturbance(noise, snr_db) for noise in evaluation.noises for snr_db in evaluation.snr_db)
    return (Disturbance(), *noisy)


def evaluate(checkpoint: Checkpoint, recipe: Recipe, recordings: Sequence[Recording]) -> tuple[Score, ...]:
    """Score every noise and SNR of the recipe; the noise is drawn with the recipe's seed."""
    model = checkpoint.build()
    scores = []
    for disturbance in disturbances(recipe.evaluation):
        windows = windows_of(recordings, recipe, disturbance, recipe.seed)
        outputs = run(model, windows.samples)
        scores.append(score(outputs, windows.label, disturbance, checkpoint))
    return tuple(scores)


def score(outputs: ModelOutputs, label: NDArray[np.int64], disturbance: Disturbance, checkpoint: Checkpoint) -> Score:
    """Compute the scores of one noise and SNR."""
    labels = checkpoint.contract.labels
    named = outputs.logits.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (label, named), 1)
    seen = confusion.sum(axis=1) > 0
    condition = np.array([checkpoint.contract.conditions.index(entry.condition) for entry in labels])
    healthy = np.array([entry.healthy for entry in labels])
    threshold = checkpoint.contract.abstention_threshold
    abstained = outputs.novelty > (np.inf if threshold is None else threshold)
    false_alarms = (~healthy[named] & ~abstained)[healthy[label]]
    return Score(
        noise=disturbance.noise and disturbance.noise.value,
        snr_db=disturbance.snr_db,
        accuracy=float(np.mean(named == label)),
        macro_recall=float(np.mean(confusion.diagonal()[seen] / confusion.sum(axis=1)[seen])),
        condition_accuracy=float(np.mean(condition[named] == condition[label])),
        false_alarms=float(false_alarms.mean()) if false_alarms.size else 0.0,
        abstained=float(abstained.mean()),
        calibration_error=reliability(outputs.probabilities, label).error,
        nll=negative_log_likelihood(outputs.probabilities, label),
        confusion=confusion.tolist(),
    )
