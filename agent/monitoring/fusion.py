"""Fusion of the network's probabilities with the evidence of the bearing detector: log-likelihoods add.

The network sees one window and a bearing's resonances; the detector sees several seconds and the damage frequencies of
one geometry. Taken as independent, their likelihoods multiply (Bayes): p' is proportional to p e^nats.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DECISIVE_NATS: Final = 3.0
"""20 to 1, which Kass and Raftery (Journal of the American Statistical Association 1995) call strong evidence."""

LEAST: Final = 1e-9
"""Least probability of the network: below it a float32 softmax is rounding, and no evidence could lift a 0."""


NETWORK_NATS: Final = 5.7
"""Beside the evidence of a bearing detector, no window of the network weighs more than this, 300 to 1, for one
condition against another: the bound of the sequential rule (`cusum.BOUND_NATS`), for the same reason."""

NAMING_NATS: Final = 3.0
"""The same between two faults. On a machine that it has not seen the network finds more than it names: of the windows
of faulty recordings of HIT-SM's self-built rig the bundle `synthetic` names a fifth rightly, and most of the others
wrongly with P > 0.99. With this bound 15 of the 18 have the right alarm, without any 7; no healthy one has an alarm."""


def trusted(probabilities: NDArray[np.float32], nats: NDArray[np.float32], normal: int) -> NDArray[np.float32]:
    """P(condition) by the network as far as it weighs beside the bearing detector; its sum may exceed 1.

    Args:
        probabilities: float32[rows, conditions], P(condition) by the network.
        nats: float32[rows, conditions]; a row without evidence stays as it is, bit for bit.
        normal: index of `normal`.
    """
    faults = probabilities.copy()
    faults[:, normal] = 0
    least = probabilities.max(axis=1, keepdims=True) * np.float32(math.exp(-NETWORK_NATS))
    naming = np.maximum(least, faults.max(axis=1, keepdims=True) * np.float32(math.exp(-NAMING_NATS)))
    floor = np.repeat(naming, probabilities.shape[1], axis=1)
    floor[:, normal] = least[:, 0]
    return np.where(nats.any(axis=1, keepdims=True), np.maximum(probabilities, floor), probabilities)


def fused(probabilities: NDArray[np.float32], nats: NDArray[np.float32]) -> NDArray[np.float32]:
    """P(condition) after the evidence of the bearing detector.

    Args:
        probabilities: float32[rows, conditions], P(condition) by the network.
        nats: float32[rows, conditions], finite, log-likelihood to add.

    Returns:
        float32[rows, conditions]. A changed row sums to 1. A row with the same evidence for each condition, such as
        none, is that of the network, bit for bit.
    """
    log_likelihood = nats.astype(np.float64)
    log_likelihood -= log_likelihood.max(axis=1, keepdims=True)
    product = np.maximum(probabilities, LEAST) * np.exp(log_likelihood)
    product /= product.sum(axis=1, keepdims=True)
    changed = log_likelihood.any(axis=1, keepdims=True)
    # Rounded to float32, so that exponentials that differ in their last bit do not differ here.
    result: NDArray[np.float32] = np.where(changed, product.astype(np.float32), probabilities)
    return result


def decisive(nats: NDArray[np.float32], best: NDArray[np.intp], normal: int) -> NDArray[np.bool_]:
    """Whether the bearing detector alone names a fault, which fusion has not overruled: such a window is not unknown.

    Args:
        nats: float32[rows, conditions].
        best: int[rows], the most probable condition after fusion.
        normal: index of `normal`; that no damage frequency is found does not make an unknown signal healthy.

    Returns:
        bool[rows].
    """
    second, first = np.sort(nats, axis=1)[:, -2:].T
    named: NDArray[np.bool_] = (first - second >= DECISIVE_NATS) & (nats.argmax(axis=1) == best) & (best != normal)
    return named
