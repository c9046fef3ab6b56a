"""Novelty of a window (how unlike the training data it is): the relative Mahalanobis distance of its embedding.

Ren, Fort, Liu, Roy, Padhy, Lakshminarayanan, "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection",
ICML workshop on uncertainty in deep learning, 2021, arXiv 2106.09022. The distance to the nearest label's mean, less
the distance to the mean of all windows: what varies in every window whatever its label, noise above all, counts in both
and so in neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHRINKAGE = 1e-3
"""Share of the mean variance that is added to each variance: a constant feature would make a covariance singular."""


@dataclass(frozen=True)
class NoveltyCoefficients:
    """Coefficients of the novelty score, fitted on training windows; all float32.

    `within` and `overall` are roots of precisions: |d @ within| is the Mahalanobis length of a difference d between
    embeddings by the labels' shared covariance, |d @ overall| that by the covariance of all windows together.
    """

    mean: NDArray[np.float32]  # [features], of all windows
    within: NDArray[np.float32]  # [features, features]
    overall: NDArray[np.float32]  # [features, features]
    centres: NDArray[np.float32]  # [labels, features]: (a label's mean - mean) @ within

    def fits(self, features: int) -> bool:
        """True if the coefficients fit embeddings with this number of features."""
        labels = len(self.centres)
        shapes = ((features,), (features, features), (features, features), (labels, features))
        arrays = (self.mean, self.within, self.overall, self.centres)
        return labels > 0 and all(a.shape == s and a.dtype == np.float32 for a, s in zip(arrays, shapes, strict=True))


def fit_coefficients(embedding: NDArray[np.float32], label: NDArray[np.int64]) -> NoveltyCoefficients:
    """Fit means and covariances on float32[n, features] and int64[n] of training windows; float64 inside.

    With the labels' means m_c and their shared covariance S, the mean of all windows m and their covariance T, the
    score of an embedding e is

        min_c (e - m_c)' S^-1 (e - m_c)  -  (e - m)' T^-1 (e - m)

    A label of which there is no window has no mean, and so nothing is near to it.

    Raises:
        ConfigurationError: the embeddings are all equal or not finite; such a network has learned nothing.
    """
    e = embedding.astype(np.float64)
    mean = e.mean(axis=0)
    d = e - mean
    labels = np.unique(label)
    of_label = np.stack([d[label == c].mean(axis=0) for c in labels])
    within, overall = _precision_root(d - of_label[np.searchsorted(labels, label)]), _precision_root(d)
    return NoveltyCoefficients(*(part.astype(np.float32) for part in (mean, within, overall, of_label @ within)))


def _precision_root(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """W with W W' = the inverse of the regularised covariance of float64[n, features]: float64[features, features]."""
    features = centred.shape[1]
    covariance = centred.T @ centred / len(centred)
    variance = float(np.trace(covariance)) / features
    if not 0 < variance < np.inf:
        raise ConfigurationError(
            f"novelty: the network's embeddings have a variance of {variance:g}; train longer, at a lower learning_rate"
        )
    values, vectors = np.linalg.eigh(covariance)
    root: NDArray[np.float64] = vectors / np.sqrt(np.maximum(values, 0) + SHRINKAGE * variance)
    return root


class Novelty(nn.Module):
    """The novelty score as a part of the graph: MatMul, Sub, Mul, ReduceSum, and ReduceMin over labels.

    Differences are taken before they are squared. Multiplied out, d' S^-1 d less its parts for each label would need
    a product of matrices less, and lose the digits: they reach 1e5 where their sum is 1. All of it must stay FP32 in an
    engine of lower precision, for far from what is known squares pass 65,504, the largest FP16. The network before it
    may be FP16: that moves the score of a network of the recipe `cwru` by 0.03 of 1 + its size at most (576 windows).
    """

    mean: Tensor
    within: Tensor
    overall: Tensor
    centres: Tensor

    def __init__(self, known: NoveltyCoefficients) -> None:
        super().__init__()
        for name in ("mean", "within", "overall", "centres"):
            self.register_buffer(name, torch.from_numpy(getattr(known, name).copy()), persistent=False)

    def forward(self, embedding: Tensor) -> Tensor:
        """float32[batch, features] to float32[batch]: higher is less like the training data; it may be negative."""
        d = embedding - self.mean
        to_labels = (d @ self.within).unsqueeze(1) - self.centres  # [B, labels, features]
        return _squared(to_labels).amin(dim=-1) - _squared(d @ self.overall)


def _squared(x: Tensor) -> Tensor:
    """Squared length over the last axis."""
    return (x * x).sum(dim=-1)
