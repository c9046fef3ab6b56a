"""Calibration error and accuracy under the noise of training.

Measured on the validation windows that the temperature was fitted on, on those held out from the fit, and on the test
set, which has another load or another machine.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from drsn.model.calibration import negative_log_likelihood, reliability
from drsn.model.evaluate import ModelOutputs, run
from drsn.model.windows import LabelledWindows, NoiseMix, windows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.data.recording import Recording
    from drsn.model.deployed_model import DeployedModel
    from drsn.model.recipe import Recipe

TEST = "test"

DRAWS = 20
"""Noise draws for each window; fewer if that makes more than `ENOUGH` windows in all."""

ENOUGH = 20_000


@dataclass(frozen=True)
class Confidence:
    """Measures of one set; `windows` counts every noise draw. `accepted` is the share below the novelty threshold."""

    set: str
    windows: int
    accuracy: float
    calibration_error: float
    nll: float
    accepted: float


def trained_noise(
    model: DeployedModel, recipe: Recipe, recordings: Sequence[Recording], enough: int = ENOUGH
) -> tuple[ModelOutputs, LabelledWindows]:
    """The model's outputs for every window under several draws of the augmentation's noise, `enough` windows at most.

    The returned windows have no samples, to save memory: float32[0, channels, window].

    Raises:
        BadDataError: no recording is as long as a window.
    """
    mix = NoiseMix.of(recipe.augmentation)
    outputs, windows = [], []
    draw, draws = 0, 1
    while draw < draws:
        drawn = windows_of(recordings, recipe, mix, (recipe.seed, draw))
        draws = min(DRAWS, max(1, enough // len(drawn.label)))
        outputs.append(run(model, drawn.samples))
        windows.append(replace(drawn, samples=drawn.samples[:0].copy()))
        draw += 1
    return ModelOutputs.joined(outputs), LabelledWindows.joined(windows)


def held_out(windows: LabelledWindows, recordings: Sequence[Recording]) -> NDArray[np.bool_]:
    """Mask bool[n] of the windows that are held out from the fit of the temperature.

    Every second group of a label that has several, else the later half of its recordings. Groups are counted in the
    order of the recordings; those without a window are skipped.
    """
    held = np.zeros(len(windows.label), np.bool_)
    for label in np.unique(windows.label):
        numbers = np.unique(windows.recording[windows.label == label])
        groups = list(dict.fromkeys(recordings[number].group for number in numbers))
        for number in numbers:
            of_it = windows.recording == number
            if len(groups) > 1:
                held[of_it] = groups.index(recordings[number].group) % 2 == 1
            else:
                held[of_it] = windows.place[of_it] >= (windows.place[of_it].max() + 2) // 2
    return held


def with_temperature(outputs: ModelOutputs, temperature: float) -> ModelOutputs:
    """The same outputs with probabilities at another softmax temperature."""
    return replace(outputs, probabilities=(torch.from_numpy(outputs.logits) / temperature).softmax(dim=1).numpy())


def confidence(name: str, outputs: ModelOutputs, label: NDArray[np.int64], threshold: float | None) -> Confidence:
    """Measure one set of at least two windows."""
    limit = np.inf if threshold is None else threshold
    return Confidence(
        set=name,
        windows=len(label),
        accuracy=float(np.mean(outputs.logits.argmax(axis=1) == label)),
        calibration_error=reliability(outputs.probabilities, label).error,
        nll=negative_log_likelihood(outputs.probabilities, label),
        accepted=float(np.mean(outputs.novelty <= limit)),
    )


def on_test_set(checkpoint: Checkpoint, recipe: Recipe, recordings: Sequence[Recording]) -> Confidence:
    """Measure the test set."""
    outputs, windows = trained_noise(checkpoint.build(), recipe, recordings)
    return confidence(TEST, outputs, windows.label, checkpoint.contract.abstention_threshold)


def with_row(checkpoint: Checkpoint, row: Confidence) -> Checkpoint:
    """The checkpoint with `row` in its metrics; it replaces a row of the same set."""
    training = checkpoint.training
    rows = [other for other in training.metrics["calibration"] if other["set"] != row.set]
    metrics = {**training.metrics, "calibration": [*rows, asdict(row)]}
    return replace(checkpoint, training=training.model_copy(update={"metrics": metrics}))
