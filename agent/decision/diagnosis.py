"""A diagnosis: the model's outputs for one window, as conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from drsn.agent.acquisition.reading import Reading
    from drsn.agent.acquisition.window_batch import WindowBatch
    from drsn.agent.backends.backend import Outputs
    from drsn.agent.monitoring.findings import Findings, Observation
    from drsn.model.contract import ModelContract

UNKNOWN = "unknown"
"""The condition of a window that the model abstains from."""

SENSOR_FAULT = "sensor_fault"
"""The condition of a window with a sensor fault; its label is the fault (drsn.agent.acquisition.sensor_faults)."""

SILENT = "silent"
"""The condition of a sensor from which no window comes."""


def window_conditions(contract: ModelContract) -> tuple[str, ...]:
    """What a window may count as: the conditions of the contract in its order, `unknown`, `sensor_fault`."""
    return (*contract.conditions, UNKNOWN, SENSOR_FAULT)


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
    observed: Mapping[str, Observation] = field(default_factory=dict)
    """Condition -> what its monitor found; a condition that no monitor evaluates is absent."""

    @property
    def evaluated(self) -> tuple[str, ...]:
        """The conditions for which a monitor has evaluated the window."""
        return tuple(name for name, found in self.observed.items() if not math.isnan(found.nats))


@dataclass(frozen=True, slots=True)
class Diagnoses:
    """The diagnoses of a batch in columns. The batch and the outputs are not copied."""

    batch: WindowBatch
    outputs: Outputs
    by_condition: NDArray[np.float32]
    """float32[rows, conditions]: P(condition), within 0 and 1, in the contract's order."""
    best: NDArray[np.intp]
    """int[rows]: index of the most probable condition."""
    label: NDArray[np.intp]
    """int[rows]: index of the most probable label of that condition."""
    interpreter: Interpreter
    """Whose names they are."""
    findings: Findings | None = None
    """What the monitors found; None: no sensor of the batch has a monitor."""

    def diagnosis(self, row: int) -> Diagnosis:
        """One row as an object, equal to what the interpreter makes of its reading."""
        reading = self.batch.reading(row)
        diagnosis = self.interpreter.row(row, reading, self.outputs, self.by_condition, self.best, self.label)
        return diagnosis if self.findings is None else replace(diagnosis, observed=self.findings.observed(row))


class Interpreter:
    """Turns the arrays of a batch into diagnoses by a contract's labels."""

    def __init__(self, contract: ModelContract) -> None:
        self.names = window_conditions(contract)
        """What a window may count as."""
        self.labels = tuple(label.name for label in contract.labels)
        self._conditions = contract.conditions
        self._threshold = np.inf if contract.abstention_threshold is None else contract.abstention_threshold
        self._membership: NDArray[np.float32] = np.array(
            [[label.condition == condition for condition in self._conditions] for label in contract.labels],
            dtype=np.float32,
        )
        self._has_label: NDArray[np.bool_] = np.ascontiguousarray(self._membership.T > 0)
        """bool[conditions, labels]"""

    def columns(self, batch: WindowBatch, outputs: Outputs, findings: Findings | None = None) -> Diagnoses:
        """The diagnoses of a batch; row i of the outputs and of the findings belongs to row i of the batch."""
        return Diagnoses(batch, outputs, *self._columns(outputs), self, findings)

    def __call__(self, readings: list[Reading], outputs: Outputs) -> list[Diagnosis]:
        """One diagnosis per reading; row i of the outputs belongs to reading i."""
        columns = self._columns(outputs)
        return [self.row(row, reading, outputs, *columns) for row, reading in enumerate(readings)]

    def row(
        self,
        row: int,
        reading: Reading,
        outputs: Outputs,
        by_condition: NDArray[np.float32],
        best: NDArray[np.intp],
        label: NDArray[np.intp],
    ) -> Diagnosis:
        """The diagnosis of one row of a batch, whose columns are given as in `Diagnoses`."""
        novelty, probabilities = float(outputs.novelty[row]), by_condition[row].tolist()
        # `not <=` so that a NaN abstains too.
        condition = self._conditions[best[row]] if novelty <= self._threshold else UNKNOWN
        return Diagnosis(
            reading=reading,
            condition=condition if reading.fault is None else SENSOR_FAULT,
            label=self.labels[label[row]] if reading.fault is None else reading.fault,
            confidence=probabilities[best[row]] if reading.fault is None else 1.0,
            condition_probabilities=dict(zip(self._conditions, probabilities, strict=True)),
            label_probabilities=dict(zip(self.labels, outputs.probabilities[row].tolist(), strict=True)),
            novelty=novelty,
        )

    def _columns(self, outputs: Outputs) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
        """P(condition), the most probable condition, and its most probable label, of each row."""
        # A sum of float32 may pass 1 by its rounding, and a broken window may give NaN; an event allows neither.
        by_condition = np.fmin(np.fmax(outputs.probabilities @ self._membership, np.float32(0)), np.float32(1))
        best = by_condition.argmax(axis=1)
        # Among the labels of the best condition only: the overall best label may belong to another condition.
        label = np.where(self._has_label[best], outputs.probabilities, np.float32(-1)).argmax(axis=1)
        return by_condition, best, label
