"""The weight of windows for the condition `changed`: experts, one for each feature and direction, and their mixture.

An expert says that one feature has risen, or fallen, beyond its margin. Its weight is the log-likelihood ratio of a
Gaussian shift by `SHIFT` scales, within bounds, less a cost that the baseline has learnt. The experts are mixed by
weights that follow their success in the windows before (Herbster and Warmuth, "Tracking the best expert", Machine
Learning 32, 1998), as the wealth of a bettor. If e to the weight of each expert has a mean of at most 1 over healthy
windows, so has e to that of the mixture, whatever the experts have in common; Lorden's bound then holds for the CUSUM
(drsn.agent.decision.cusum).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.monitoring.baseline_features import FEATURES, GROUPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

BOUND_NATS: Final = 5.0
"""Largest weight of a window for a change: 150 to one. At 0.1 false alarms a sensor-year it takes six windows."""

FLOOR_NATS: Final = -2.0
"""Weight of a window in which the feature lies within its margin."""

SHIFT: Final = 2.0

SPREAD: Final = 0.005
"""Part of the weights that is spread evenly after each window, so that an expert that was wrong for a year counts
within a few windows."""

UP, DOWN = 0, 1
EXPERTS: Final = 2 * FEATURES
"""Features that rise, then features that fall."""


def _prior() -> NDArray[np.float32]:
    """The same weight for each group, shared evenly among its features and both directions."""
    weights = np.empty(FEATURES, np.float32)
    for group in GROUPS:
        weights[group.columns] = 0.5 / len(GROUPS) / (group.columns.stop - group.columns.start)
    return np.concatenate([weights, weights])


PRIOR: Final = _prior()
"""float32[EXPERTS]: weights before the first window; their sum is 1."""


def shift_nats(
    deviation: NDArray[np.float32], margin: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Weight of each expert before its cost.

    Args:
        deviation: float32[..., FEATURES] from the location; NaN counts as 0: the window does not have the feature.
        margin: that a change is larger than; infinite: the feature is not used.
        scale: of the feature.

    Returns:
        float32[..., 2, FEATURES]: for `UP` and `DOWN`, within `FLOOR_NATS` and `BOUND_NATS`.
    """
    both = np.stack([deviation, -deviation], axis=-2)
    beyond = np.fmax(both - margin[..., np.newaxis, :], 0) / scale[..., np.newaxis, :]
    nats: NDArray[np.float32] = np.clip(SHIFT * beyond - np.float32(SHIFT**2 / 2), FLOOR_NATS, BOUND_NATS)
    return nats


def tempered(nats: NDArray[np.float32], dependence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide what speaks for a change by the windows that count as one; what speaks against it is not weakened.

    By Jensen's inequality the mean of e to it stays at most 1.
    """
    return np.where(nats > 0, nats / dependence[..., np.newaxis, :], nats)


def mix(weights: NDArray[np.float32], nats: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Mix the experts of windows of distinct sensors.

    Args:
        weights: float32[windows, EXPERTS], each row sums to 1; they become those of the next window.
        nats: float32[windows, EXPERTS], the weight of the window for each expert.

    Returns:
        float32[windows], the weight of each window in nats; int[windows], the expert with the most success so far.
    """
    weights *= np.exp(nats)
    total = weights.sum(axis=1, keepdims=True)
    best = (weights / PRIOR).argmax(axis=1)  # of equals the first: a band is more use to a reader than the model
    weights *= (1 - SPREAD) / total
    weights += np.float32(SPREAD) * PRIOR
    return np.log(total[:, 0]), best
