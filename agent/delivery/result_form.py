"""A result as JSON, from the columns of a batch: at ten thousand sensors each window is due for one.

Its fields are those of `schema.documents.ResultDocument` (test_result_form.py). To make a diagnosis, then the document,
and then its JSON took 42 us; this takes 24.
"""

from __future__ import annotations

import math
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING

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
    suppressor, crest_factor = SUPPRESSORS[decisions.suppressed[row]], peak / rms if rms else math.nan
    learnt = "null" if commission is None else commission.model_dump_json()
    return (
        f'{{"v":{VERSION},"sensor":{_text(batch.sensors[row])},'
        f'"t0":"{iso_utc(end_unix_ns - duration_ns)}","t1":"{iso_utc(end_unix_ns)}","windows":{windows},'
        f'"label":{_text(label)},"condition":{_text(decisions.names[decisions.condition[row]])},'
        f'"confidence":{_number(round(confidence, 4))},"probabilities":{_probabilities(decisions, row)},'
        f'"novelty":{_number(round(float(diagnoses.novelty[row]), 4))},"suppressed_by":{_text(suppressor)},'
        f'"rms":{_number(rms)},"peak":{_number(peak)},"unit":{_text(batch.units[row])},'
        f'"crest_factor":{_four_digits(crest_factor)},"kurtosis":{_four_digits(kurtosis)},'
        f'"velocity_rms_mm_s":{_four_digits(velocity_rms_mm_s)},"zone":{_text(_zone(decisions, row))},'
        f'"bundle":{_text(bundle)},"commission":{learnt}}}'
    ).encode()


def _named(decisions: Decisions, row: int) -> tuple[str, float]:
    """The label of a window without a sensor fault, and P(condition)."""
    diagnoses = decisions.diagnoses
    confidence = float(diagnoses.by_condition[row, diagnoses.best[row]])
    return diagnoses.interpreter.labels[diagnoses.label[row]], confidence


def _probabilities(decisions: Decisions, row: int) -> str:
    """P(label), after the evidence of a bearing detector."""
    diagnoses = decisions.diagnoses
    if diagnoses.findings is not None and diagnoses.findings.bearing_nats is not None:
        by_label = decisions.diagnosis(row).label_probabilities
    else:
        values = diagnoses.outputs.probabilities[row].tolist()
        by_label = dict(zip(diagnoses.interpreter.own_labels, values, strict=True))
    return f"{{{','.join([f'{_text(name)}:{_number(round(p, 4))}' for name, p in by_label.items()])}}}"


def _zone(decisions: Decisions, row: int) -> str | None:
    """The zone of the vibration level; None: it was not evaluated."""
    findings = decisions.diagnoses.findings
    level = None if findings is None else findings.observed(row).get(VIBRATION_LEVEL)
    return None if level is None or math.isnan(level.nats) else level.label


@lru_cache(maxsize=4096)
def _text(value: str | None) -> str:
    """A text in JSON; the same few, and the ids of the sensors, come again and again."""
    return "null" if value is None else encode_basestring(value)


def _four_digits(value: float) -> str:
    return _number(float(f"{value:.4g}"))


def _number(value: float) -> str:
    """A number in JSON, which lacks what is not finite."""
    return repr(value) if math.isfinite(value) else "null"
