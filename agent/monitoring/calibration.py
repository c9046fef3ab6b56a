"""Calibration of the model's probabilities by what the healthy windows of a machine look like to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Outputs
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


class Calibration:
    """Calibrates the probabilities of those sensors whose machines look faulty to the model while they are healthy.

    Args:
        contract: of the model.
    """

    def __init__(self, contract: ModelContract) -> None:
        self._contract = contract
        self.log_odds = LogOdds(contract)
        """Of the same model."""
        self._factors: dict[str, NDArray[np.float32]] = {}

    def set(self, sensor: str, fault_nats: Mapping[str, float]) -> None:
        """Calibrate a sensor from its next window on; with no nats above 0 not at all."""
        self._factors.pop(sensor, None)
        if any(fault_nats.values()):
            self._factors[sensor] = label_factors(self._contract, fault_nats)

    def __call__(self, sensors: Sequence[str], outputs: Outputs) -> Outputs:
        """The outputs with calibrated probabilities; `outputs` is not changed.

        Args:
            sensors: of the rows.
            outputs: of the network.
        """
        if not self._factors:
            return outputs
        found = list(map(self._factors.get, sensors))
        rows = np.array([row for row, factors in enumerate(found) if factors is not None], np.intp)
        if not len(rows):
            return outputs
        probabilities = outputs.probabilities.copy()
        probabilities[rows] = calibrated(probabilities[rows], np.stack([each for each in found if each is not None]))
        return replace(outputs, probabilities=probabilities)


def label_factors(contract: ModelContract, fault_nats: Mapping[str, float]) -> NDArray[np.float32]:
    """Factors of the probabilities of the labels.

    Args:
        contract: of the model.
        fault_nats: condition -> by how much the model overstates it on healthy windows of the machine; another: by 0.

    Returns:
        float32[labels], 1 at most.
    """
    return np.exp([-fault_nats.get(label.condition, 0.0) for label in contract.labels]).astype(np.float32)


def calibrated(probabilities: NDArray[np.float32], factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probabilities times their factors, with the sum 1 again; both are float32[rows, labels]."""
    products = np.fmax(probabilities, LEAST) * factors
    result: NDArray[np.float32] = (products / products.sum(axis=1, keepdims=True)).astype(np.float32)
    return result
