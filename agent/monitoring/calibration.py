"""Calibration of the model's probabilities by what the healthy windows of a machine look like to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract

LEAST: Final = 1e-9
"""Of a probability: below it a float32 softmax is rounding."""


class LogOdds:
    """Log-odds of the conditions of one model against `normal`.

    Args:
        contract: of the model.
    """

    def __init__(self, contract: ModelContract) -> None:
        self.conditions = tuple(name for name in contract.conditions if name != NORMAL)
        """The columns."""
        names = np.array([label.condition for label in contract.labels])
        self._normal = np.flatnonzero(names == NORMAL)
        self._members = [np.flatnonzero(names == name) for name in self.conditions]

    def __call__(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[rows, labels] to float32[rows, conditions], in nats."""
        normal = np.log(np.fmax(probabilities[:, self._normal].sum(axis=1), LEAST))
        columns = [np.log(np.fmax(probabilities[:, members].sum(axis=1), LEAST)) - normal for members in self._members]
        return np.stack(columns, axis=1)


def label_factors(contract: ModelContract, fault_nats: Mapping[str, float]) -> NDArray[np.float32]:
    """Factors of the probabilities of the labels.

    Args:
        contract: of the model.
        fault_nats: condition -> what the model says too much of it on the machine's healthy windows; another: nothing.

    Returns:
        float32[labels], 1 at most.
    """
    return np.exp([-fault_nats.get(label.condition, 0.0) for label in contract.labels]).astype(np.float32)


def calibrated(probabilities: NDArray[np.float32], factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probabilities times their factors, with the sum 1 again; both are float32[rows, labels]."""
    products = np.fmax(probabilities, LEAST) * factors
    result: NDArray[np.float32] = (products / products.sum(axis=1, keepdims=True)).astype(np.float32)
    return result
