"""Reliability diagrams: of the windows predicted with a probability of 90 %, how many are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.calibration import reliability
from drsn.model.evaluate import run
from drsn.model.report.levels import disturbances_of
from drsn.model.windows import windows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.corpus import Corpus
    from drsn.model.recipe import Recipe

BINS = 10


@dataclass(frozen=True)
class Diagram:
    """Windows by the probability of the predicted label, in `BINS` bins of equal width from 0 to 1.

    `count` int64[bins]; `confidence`, the mean probability, and `accuracy`, the share named right, float64[bins], are
    nan where a bin is empty. `error` is the calibration error of the metrics, which has bins of its own.
    """

    title: str
    error: float
    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def diagram_of(title: str, probabilities: NDArray[np.float32], label: NDArray[np.int64]) -> Diagram:
    """Sort probabilities float32[n, labels] into bins."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == label).astype(np.float64)
    number = np.minimum((confidence * BINS).astype(np.intp), BINS - 1)
    count = np.bincount(number, minlength=BINS)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the nan of an empty bin
        mean_confidence = np.bincount(number, confidence, BINS) / count
        accuracy = np.bincount(number, right, BINS) / count
    return Diagram(title, reliability(probabilities, label).error, count, mean_confidence, accuracy)


def diagrams_of(checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus) -> list[list[Diagram]]:
    """One row of diagrams for the validation and one for the test set: without added noise, and with noise."""
    model = checkpoint.build()
    rows = []
    for name, recordings in (("validation", corpus.validation), ("test", corpus.test)):
        row = []
        for level, disturbances in disturbances_of(recipe.evaluation).items() if recordings else ():
            sets = [windows_of(recordings, recipe, disturbance, recipe.seed) for disturbance in disturbances]
            probabilities = np.concatenate([run(model, windows.samples).probabilities for windows in sets])
            label = np.concatenate([windows.label for windows in sets])
            row.append(diagram_of(f"{name} set, {level}", probabilities, label))
        rows.append(row)
    return [row for row in rows if row]
