from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twin_engines import CONTRACT, SENSORS, VOTES, WINDOWS, WITH_PARENT, baseline, batch_of

from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.delivery.result_form import result_json
from drsn.agent.monitoring.findings import OBSERVED, VIBRATION_LEVEL
from drsn.agent.schema.documents import CommissionDocument, ResultDocument
from drsn.agent.schema.iso_time import iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.reading import Reading
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.model.contract import ModelContract

END = 1_767_225_600_000_000_000
INNER_RACE = [0.0, 0.25, 0.75, 0.0]


@pytest.fixture
def decided(contract: ModelContract, make_reading: Callable[..., Reading]) -> Callable[..., Decisions]:
    """The decisions of a batch of one window with these probabilities."""

    def of(probabilities: list[float], novelty: float = -1.0) -> Decisions:
        batch = WindowBatch(1)
        batch.append(make_reading(END))
        outputs = Outputs(np.array([probabilities], np.float32), np.array([novelty], np.float32), None)
        engine = AlarmEngine(contract, "0" * 64, lambda _sensor: Policy(VOTES, VOTES))
        return engine.feed_batch(Interpreter(contract).columns(batch, outputs), [END])

    return of


def test_a_result_says_what_the_window_looked_like(decided):
    assert json.loads(result_json(decided(INNER_RACE), 0, 3, "small@000000000000")) == {
        "v": 1, "sensor": "press4", "t0": "2025-12-31T23:59:59.999Z", "t1": "2026-01-01T00:00:00.000Z", "windows": 3,
        "label": "inner_race_014", "condition": "inner_race", "confidence": 1.0, "novelty": -1.0,
        "probabilities": {"normal": 0.0, "inner_race_007": 0.25, "inner_race_014": 0.75, "ball": 0.0},
        "rms": 1.0, "peak": 2.0, "unit": "g", "suppressed_by": None, "bundle": "small@000000000000",
        "commission": None, "crest_factor": 2.0, "kurtosis": None, "velocity_rms_mm_s": None, "zone": None,
    }  # fmt: skip


def test_what_is_not_finite_is_null(decided):
    document = json.loads(result_json(decided(INNER_RACE, novelty=math.nan), 0, 1, "b"))
    assert (document["novelty"], document["condition"]) == (None, "unknown")


def test_the_baseline_of_the_machine_is_in_it(decided):
    commission = CommissionDocument.of(baseline(3.0), "0" * 64)
    found = result_json(decided(INNER_RACE), 0, 1, "b", commission)
    assert ResultDocument.model_validate_json(found).commission == commission


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(windows=WINDOWS, contract=st.sampled_from([CONTRACT, WITH_PARENT]))
def test_the_fields_are_those_of_the_document_made_of_the_diagnosis(windows, contract: ModelContract):
    engine = AlarmEngine(contract, "0" * 64, lambda _sensor: Policy(VOTES, VOTES), observed=OBSERVED)
    batch, outputs, findings = batch_of(windows, END)
    batch.units[0], batch.levels[0] = "m/s²", (2.5, math.inf)
    decisions = engine.feed_batch(Interpreter(contract).columns(batch, outputs, findings), [END] * batch.size)
    for row in range(batch.size):
        expected = document_of(decisions.diagnosis(row), decisions, row)
        found = json.loads(result_json(decisions, row, row + 1, "b"))
        assert found == json.loads(expected.model_dump_json())
        assert list(found) == list(ResultDocument.model_fields)
        assert found["sensor"] in SENSORS


def document_of(diagnosis: Diagnosis, decisions: Decisions, row: int) -> ResultDocument:
    """As it is made of objects."""
    reading, level = diagnosis.reading, diagnosis.observed.get(VIBRATION_LEVEL)
    fields: dict[str, Any] = {
        "sensor": reading.sensor,
        "t0": iso_utc(reading.end_unix_ns - reading.duration_ns),
        "t1": iso_utc(reading.end_unix_ns),
        "windows": row + 1,
        "label": diagnosis.label,
        "condition": diagnosis.condition,
        "confidence": round(diagnosis.confidence, 4),
        "probabilities": {name: round(p, 4) for name, p in diagnosis.label_probabilities.items()},
        "novelty": round(diagnosis.novelty, 4),
        "suppressed_by": (None, "sensor_fault", "gate")[decisions.suppressed[row]],
        "rms": reading.rms,
        "peak": reading.peak,
        "unit": reading.unit,
        "crest_factor": four_digits(reading.crest_factor),
        "kurtosis": four_digits(reading.kurtosis),
        "velocity_rms_mm_s": four_digits(reading.velocity_rms_mm_s),
        "zone": None if level is None or math.isnan(level.nats) else level.label,
        "bundle": "b",
    }
    return ResultDocument(**fields)


def four_digits(value: float | None) -> float | None:
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None
