"""Measures of calibration: does a confidence of 0.9 mean that nine of ten windows are right?

Calibration error after Kumar, Liang, Ma, "Verified Uncertainty Calibration", NeurIPS 2019: bins of equal counts, less
the part of the error that chance alone would give. A plain estimate grows as bins get fewer windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: bins of equal counts, sorted by confidence (the largest probability).

    `confidence` and `accuracy` are float64[bins], `count` is int64[bins].
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Debiased expected calibration error (ECE, l2), 0 to 1: RMS of confidence - accuracy, less chance."""
        chance = self.accuracy * (1 - self.accuracy) / np.maximum(self.count - 1, 1)
        gaps = np.square(self.confidence - self.accuracy) - chance
        return float(np.sqrt(max(0.0, float(np.average(gaps, weights=self.count)))))


def reliability(probabilities: NDArray[np.float32], label: NDArray[np.int64]) -> Reliability:
    """Sort probabilities float32[n, labels] into bins by confidence and count the right ones; n is at least 2."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == label).astype(np.float64)
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(BINS, len(order) // 2))
    return Reliability(
        confidence=np.array([confidence[part].mean() for part in parts]),
        accuracy=np.array([right[part].mean() for part in parts]),
        count=np.array([len(part) for part in parts]),
    )


def negative_log_likelihood(probabilities: NDArray[np.float32], label: NDArray[np.int64]) -> float:
    """Mean negative log-likelihood of the true labels, in nats; probabilities are float32[n, labels]."""
    true = probabilities[np.arange(len(label)), label].astype(np.float64)
    return float(-np.log(np.maximum(true, np.finfo(np.float32).tiny)).mean())
