"""A diagnosis: the model's outputs for one window, as conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.reading import Reading
    from drsn.agent.backends.backend import Outputs
    from drsn.model.contract import ModelContract

UNKNOWN = "unknown"
"""The condition of a window that the model abstains from."""

SENSOR_FAULT = "sensor_fault"
"""The condition of a window with a sensor fault; its label is the fault (drsn.agent.acquisition.sensor_faults)."""

SILENT = "silent"
"""The condition of a sensor from which no window comes."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The diagnosis of one window."""

    reading: Reading
    condition: str
    """`normal`, another of the bundle's, `unknown` or `sensor_fault`."""
    label: str
    """The most probable label of the most probable condition; with a sensor fault the name of the fault."""
    confidence: float
    """P(condition), the sum over its labels; of the most probable condition if the model abstains; 1 with a sensor
    fault."""
    condition_probabilities: dict[str, float]
    label_probabilities: dict[str, float]
    novelty: float


class Interpreter:
    """Turns the arrays of a batch into diagnoses by a contract's labels."""

    def __init__(self, contract: ModelContract) -> None:
        self._labels = tuple(label.name for label in contract.labels)
        self._conditions = contract.conditions
        self._threshold = np.inf if contract.abstention_threshold is None else contract.abstention_threshold
        self._membership: NDArray[np.float32] = np.array(
            [[label.condition == condition for condition in self._conditions] for label in contract.labels],
            dtype=np.float32,
        )

    def __call__(self, readings: list[Reading], outputs: Outputs) -> list[Diagnosis]:
        """One diagnosis per reading; row i of the outputs belongs to reading i."""
        # A sum of float32 may pass 1 by its rounding, and a broken window may give NaN; an event allows neither.
        by_condition = np.nan_to_num(outputs.probabilities @ self._membership).clip(0.0, 1.0)
        best = by_condition.argmax(axis=1)
        # Among the labels of the best condition only: the overall best label may belong to another condition.
        within = np.where(self._membership.T[best] > 0, outputs.probabilities, -1.0).argmax(axis=1)
        return [
            self._one(reading, outputs, by_condition, row, int(best[row]), int(within[row]))
            for row, reading in enumerate(readings)
        ]

    def _one(
        self,
        reading: Reading,
        outputs: Outputs,
        by_condition: NDArray[np.float32],
        row: int,
        best: int,
        label: int,
    ) -> Diagnosis:
        novelty = float(outputs.novelty[row])
        # `not <=` so that a NaN abstains too.
        condition = self._conditions[best] if novelty <= self._threshold else UNKNOWN
        return Diagnosis(
            reading=reading,
            condition=condition if reading.fault is None else SENSOR_FAULT,
            label=self._labels[label] if reading.fault is None else reading.fault,
            confidence=float(by_condition[row, best]) if reading.fault is None else 1.0,
            condition_probabilities=dict(zip(self._conditions, by_condition[row].tolist(), strict=True)),
            label_probabilities=dict(zip(self._labels, outputs.probabilities[row].tolist(), strict=True)),
            novelty=novelty,
        )
