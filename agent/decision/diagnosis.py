"""A diagnosis: the model's outputs for one window, as conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.agent.decision.parent_conditions import ParentConditions
from drsn.agent.monitoring.fusion import LEAST, decisive, fused, trusted
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from drsn.agent.acquisition.reading import Reading
    from drsn.agent.backends.backend import Outputs
    from drsn.agent.monitoring.calibration import Calibration
    from drsn.agent.monitoring.findings import Findings, Observation
    from drsn.model.contract import ModelContract

UNKNOWN = "unknown"
"""The condition of a window that the model abstains from."""

SENSOR_FAULT = "sensor_fault"
"""The condition of a window with a sensor fault; its label is the fault (drsn.agent.acquisition.sensor_faults)."""

SILENT = "silent"
"""The condition of a sensor from which no window comes."""

ANY_FAULT = "any fault"
"""The windows of all machine faults of the model together (drsn.agent.decision.any_fault). It is counted like a
condition and is none; no condition of a bundle can have a space in its name."""


def window_conditions(contract: ModelContract) -> tuple[str, ...]:
    """What a window may count as: the conditions of the contract in its order, `unknown`, `sensor_fault`."""
    return (*contract.alarm_conditions, UNKNOWN, SENSOR_FAULT)


@dataclass(frozen=True, slots=True)
class BearingEvidence:
    """How the bearing detector has changed a diagnosis."""

    network_probabilities: dict[str, float]
    """P(condition) by the network alone."""
    nats: dict[str, float]
    """Condition -> log-likelihood that the bearing detector adds."""
    network_novelty: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The diagnosis of one window."""

    reading: Reading
    condition: str
    """`normal`, another of the bundle's, `unknown` or `sensor_fault`."""
    label: str
    """The most probable label of the most probable condition; of a parent condition its own name; with a sensor fault
    the name of the fault."""
    confidence: float
    """P(condition), the sum over its labels; of the most probable condition if the model abstains; 1 with a sensor
    fault."""
    condition_probabilities: dict[str, float]
    label_probabilities: dict[str, float]
    novelty: float
    """By which the model abstains; if the bearing detector alone names a fault, the threshold at most."""
    observed: Mapping[str, Observation] = field(default_factory=dict)
    """Condition -> what its monitor found; a condition that no monitor evaluates is absent."""
    bearing: BearingEvidence | None = None
    """What the bearing detector has added; None: the sensor has no bearing, or there was no evidence."""
    summed_probabilities: dict[str, float] = field(default_factory=dict)
    """P(condition) for a sum over windows: of the bearing detector's evidence, which is of several windows, only this
    one's part; empty: `condition_probabilities`."""

    @property
    def evaluated(self) -> tuple[str, ...]:
        """The conditions for which a monitor has evaluated the window."""
        return tuple(name for name, found in self.observed.items() if not math.isnan(found.nats))


@dataclass(frozen=True, slots=True)
class Diagnoses:
    """The diagnoses of a batch in columns. The batch and the outputs are not copied."""

    batch: WindowBatch
    outputs: Outputs
    fused: NDArray[np.float32]
    """float32[rows, conditions]: P(condition), within 0 and 1, of the conditions of labels, after fusion."""
    by_condition: NDArray[np.float32]
    """float32[rows, alarm conditions]: P(condition), in the contract's order; `fused` if no condition has a parent."""
    best: NDArray[np.intp]
    """int[rows]: index of the most probable condition of labels, or of its parent (`ParentConditions`)."""
    label: NDArray[np.intp]
    """int[rows]: index of the most probable label of that condition, in `Interpreter.labels`."""
    novelty: NDArray[np.float64]
    """float64[rows], as `Diagnosis.novelty`."""
    interpreter: Interpreter
    """Whose names they are."""
    summed: NDArray[np.float32]
    """float32[rows, alarm conditions]: as `Diagnosis.summed_probabilities`; `by_condition` where nothing was added."""
    findings: Findings | None = None
    """What the monitors found; None: no sensor of the batch has a monitor."""

    def diagnosis(self, row: int) -> Diagnosis:
        """One row as an object, equal to what the interpreter makes of its reading."""
        return self.interpreter.row(self, row)


class Interpreter:
    """Turns the arrays of a batch into diagnoses by a contract's labels.

    Args:
        contract: of the model.
        calibration: of the probabilities, by the baselines of the machines; None: they are those of the network.
    """

    def __init__(self, contract: ModelContract, calibration: Calibration | None = None) -> None:
        self._calibration = calibration
        self.names = window_conditions(contract)
        """What a window may count as."""
        self.own_labels = tuple(label.name for label in contract.labels)
        """Those of the contract: the columns of the network's probabilities."""
        self.labels = (*self.own_labels, *contract.parents)
        """What the label of a window may be: `own_labels`; the name of a parent condition is its label."""
        self._conditions, self._alarm_conditions = contract.conditions, contract.alarm_conditions
        self._parents = ParentConditions(contract) if contract.parents else None
        self._threshold = np.inf if contract.abstention_threshold is None else contract.abstention_threshold
        self._membership: NDArray[np.float32] = np.array(
            [[label.condition == condition for condition in self._conditions] for label in contract.labels],
            dtype=np.float32,
        )
        self._has_label: NDArray[np.bool_] = np.ascontiguousarray(self._membership.T > 0)
        """bool[conditions, labels]"""

    def columns(self, batch: WindowBatch, outputs: Outputs, findings: Findings | None = None) -> Diagnoses:
        """The diagnoses of a batch; row i of the outputs and of the findings belongs to row i of the batch."""
        if self._calibration is not None:
            outputs = self._calibration(batch.sensors, outputs)
        network, novelty = self._by_condition(outputs.probabilities), outputs.novelty.astype(np.float64)
        after_fusion = summed = network
        nats, share = (None, None) if findings is None else (findings.bearing_nats, findings.bearing_share)
        if nats is not None:
            likely = trusted(network, nats, self._conditions.index(NORMAL))
            after_fusion = summed = fused(likely, nats)
            if share is not None:
                summed = fused(likely, nats * share[:, np.newaxis])
        by_condition, best = after_fusion, after_fusion.argmax(axis=1)
        if nats is not None:
            named = decisive(nats, best, self._conditions.index(NORMAL))
            novelty = np.where(named, np.fmin(novelty, self._threshold), novelty)
        # Among the labels of the best condition only: the overall best label may belong to another condition.
        label = np.where(self._has_label[best], outputs.probabilities, np.float32(-1)).argmax(axis=1)
        if self._parents is not None:
            named = self._parents.named(after_fusion, nats)
            by_condition, summed = self._parents(after_fusion, named), self._parents(summed, named)
            best = self._parents.best(best, named)
            parent = best - len(self._conditions)
            label = np.where(parent < 0, label, len(self.own_labels) + parent)
        return Diagnoses(batch, outputs, after_fusion, by_condition, best, label, novelty, self, summed, findings)

    def __call__(
        self, readings: Sequence[Reading], outputs: Outputs, findings: Findings | None = None
    ) -> list[Diagnosis]:
        """One diagnosis per reading; row i of the outputs and of the findings belongs to reading i."""
        batch = WindowBatch(len(readings))
        for reading in readings:
            batch.append(reading)
        diagnoses = self.columns(batch, outputs, findings)
        return [self.row(diagnoses, row) for row in range(len(readings))]

    def row(self, diagnoses: Diagnoses, row: int) -> Diagnosis:
        """The diagnosis of one row of a batch."""
        reading, findings = diagnoses.batch.reading(row), diagnoses.findings
        novelty, probabilities = float(diagnoses.novelty[row]), diagnoses.by_condition[row].tolist()
        best, labels = (
            diagnoses.best[row],
            dict(zip(self.own_labels, diagnoses.outputs.probabilities[row].tolist(), strict=True)),
        )
        bearing = self._bearing(diagnoses, row)
        # `not <=` so that a NaN abstains too.
        condition = self._alarm_conditions[best] if novelty <= self._threshold else UNKNOWN
        return Diagnosis(
            reading=reading,
            condition=condition if reading.fault is None else SENSOR_FAULT,
            label=self.labels[diagnoses.label[row]] if reading.fault is None else reading.fault,
            confidence=probabilities[best] if reading.fault is None else 1.0,
            condition_probabilities=dict(zip(self._alarm_conditions, probabilities, strict=True)),
            label_probabilities=labels if bearing is None else self._scaled(labels, diagnoses.fused[row]),
            novelty=novelty,
            observed={} if findings is None else findings.observed(row),
            bearing=bearing,
            summed_probabilities={}
            if bearing is None
            else dict(zip(self._alarm_conditions, diagnoses.summed[row].tolist(), strict=True)),
        )

    def _by_condition(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """P(condition) by the network alone."""
        # A sum of float32 may pass 1 by its rounding, and a broken window may give NaN; an event allows neither.
        sums: NDArray[np.float32] = np.fmin(np.fmax(probabilities @ self._membership, np.float32(0)), np.float32(1))
        return sums

    def _bearing(self, diagnoses: Diagnoses, row: int) -> BearingEvidence | None:
        findings, outputs = diagnoses.findings, diagnoses.outputs
        if findings is None or findings.bearing_nats is None or not np.any(findings.bearing_nats[row]):
            return None
        network = self._by_condition(outputs.probabilities[row]).tolist()
        nats = findings.bearing_nats[row].tolist()
        return BearingEvidence(
            dict(zip(self._conditions, network, strict=True)),
            dict(zip(self._conditions, nats, strict=True)),
            float(outputs.novelty[row]),
        )

    def _scaled(self, labels: dict[str, float], fused: NDArray[np.float32]) -> dict[str, float]:
        """P(label) so that the labels of a condition keep their shares and sum to P(condition)."""
        likely = np.fmax(np.array(list(labels.values())), LEAST)  # also where the network gives no number
        scale = fused / (likely @ self._membership)
        return dict(zip(labels, (likely * (self._membership @ scale)).tolist(), strict=True))
