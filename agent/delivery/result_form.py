"""A result as JSON, from the columns of a batch: at ten thousand sensors each window is due for one.

Its fields are those of `schema.documents.ResultDocument` (test_result_form.py). To make a diagnosis, then the document,
and then its JSON took 42 us; this takes 24.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from drsn.agent.acquisition.sensor_faults import FAULT_NAMES, NO_FAULT
from drsn.agent.decision.slot_parameters import SUPPRESSORS
from drsn.agent.monitoring.findings import VIBRATION_LEVEL
from drsn.agent.schema.documents import VERSION
from drsn.agent.schema.iso_time import iso_utc

if TYPE_CHECKING:
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.schema.documents import CommissionDocument


def result_json(
    decisions: Decisions, row: int, windows: int, bundle: str, commission: CommissionDocument | None = None
) -> bytes:
    """The result document of one window.

    Args:
        decisions: of its batch, whose rows are valid.
        row: of the window.
        windows: diagnosed since the last result of the sensor, this one too.
        bundle: short name of the bundle.
        commission: what was learnt of the machine; None: nothing.
    """
    batch, diagnoses = decisions.diagnoses.batch, decisions.diagnoses
    end_unix_ns, duration_ns, _ = batch.times[row].tolist()
    fault, rms, peak = int(batch.fault[row]), float(batch.rms[row]), float(batch.peak[row])
    velocity_rms_mm_s, kurtosis = batch.levels[row].tolist()
    label, confidence = _named(decisions, row) if fault == NO_FAULT else (FAULT_NAMES[fault], 1.0)
    document = {
        "v": VERSION,
        "sensor": batch.sensors[row],
        "t0": iso_utc(end_unix_ns - duration_ns),
        "t1": iso_utc(end_unix_ns),
        "windows": windows,
        "label": label,
        "condition": decisions.names[decisions.condition[row]],
        "confidence": _finite(round(confidence, 4)),
        "probabilities": _probabilities(decisions, row),
        "novelty": _finite(round(float(diagnoses.novelty[row]), 4)),
        "suppressed_by": SUPPRESSORS[decisions.suppressed[row]],
        "rms": _finite(rms),
        "peak": _finite(peak),
        "unit": batch.units[row],
        "crest_factor": _four_digits(peak / rms) if rms else None,
        "kurtosis": _four_digits(kurtosis),
        "velocity_rms_mm_s": _four_digits(velocity_rms_mm_s),
        "zone": _zone(decisions, row),
        "bundle": bundle,
        "commission": None if commission is None else commission.model_dump(mode="json"),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _named(decisions: Decisions, row: int) -> tuple[str, float]:
    """The label of a window without a sensor fault, and P(condition)."""
    diagnoses = decisions.diagnoses
    confidence = float(diagnoses.by_condition[row, diagnoses.best[row]])
    return diagnoses.interpreter.labels[diagnoses.label[row]], confidence


def _probabilities(decisions: Decisions, row: int) -> dict[str, Any]:
    """P(label), after the evidence of a bearing detector."""
    diagnoses = decisions.diagnoses
    if diagnoses.findings is not None and diagnoses.findings.bearing_nats is not None:
        by_label = decisions.diagnosis(row).label_probabilities
        return {name: _finite(round(p, 4)) for name, p in by_label.items()}
    values = diagnoses.outputs.probabilities[row].tolist()
    return {name: _finite(round(p, 4)) for name, p in zip(diagnoses.interpreter.own_labels, values, strict=True)}


def _zone(decisions: Decisions, row: int) -> str | None:
    """The zone of the vibration level; None: it was not evaluated."""
    findings = decisions.diagnoses.findings
    level = None if findings is None else findings.observed(row).get(VIBRATION_LEVEL)
    return None if level is None or math.isnan(level.nats) else level.label


def _four_digits(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _finite(value: float) -> float | None:
    """None for what is not finite, which JSON lacks."""
    return value if math.isfinite(value) else None
