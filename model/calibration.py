"""What is fitted after the weights, on validation windows only: temperature and abstention threshold; and how well.

Calibration error after Kumar, Liang, Ma, "Verified Uncertainty Calibration", NeurIPS 2019: bins of equal counts, and
the part of the error that chance alone would give is taken off, for a plain estimate grows as bins get fewer windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOG_TEMPERATURES = torch.linspace(-2.0, 2.0, 401)  # 0.14 to 7.4 in steps of 1 %
BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Bins of equal counts by confidence, the largest probability: float64[bins] each, but `count`, int64[bins]."""

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Root of the mean squared gap between confidence and accuracy, less what chance gives (debiased ECE, l2)."""
        chance = self.accuracy * (1 - self.accuracy) / np.maximum(self.count - 1, 1)
        gaps = np.square(self.confidence - self.accuracy) - chance
        return float(np.sqrt(max(0.0, float(np.average(gaps, weights=self.count)))))


def reliability(probabilities: NDArray[np.float32], label: NDArray[np.int64]) -> Reliability:
    """Sort float32[n, labels] into bins by confidence and count what was right; n is 2 at least."""
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
    """Mean over n windows, in nats; float32[n, labels]."""
    true = probabilities[np.arange(len(label)), label].astype(np.float64)
    return float(-np.log(np.maximum(true, np.finfo(np.float32).tiny)).mean())


def fit_temperature(logits: torch.Tensor, label: torch.Tensor) -> float:
    """The temperature of the least cross-entropy (Guo et al., ICML 2017), by exhaustive search."""
    losses = [float(functional.cross_entropy(logits / t.exp(), label)) for t in LOG_TEMPERATURES]
    return float(LOG_TEMPERATURES[int(np.argmin(losses))].exp())


def fit_threshold(novelty: NDArray[np.float32], acceptance: float) -> float:
    """The novelty that the share `acceptance` of windows stays below."""
    return float(np.quantile(novelty, acceptance))
