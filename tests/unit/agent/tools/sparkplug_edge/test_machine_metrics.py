from __future__ import annotations

import math
from typing import Any

import pytest

from drsn.agent.tools.sparkplug_edge.machine_metrics import DATATYPES, event_metrics, machine_values

BASE = {"agent": "line4", "state": "normal", "seq": 1, "epoch": "e1"}
ALARM = {
    **BASE, "state": "active_unacked", "condition": "ball", "event_id": "e-7", "active": True, "acked": False,
    "severity": "major", "since": "2026-01-01T00:00:00.000Z", "decided_at": "2026-01-01T00:00:01.000Z",
    "confidence": 0.97, "suppressed_by": None,
}  # fmt: skip
WHY = {"not_watched": {"reason": "rate", "remedy": "r", "since": "s"}, "state": "not_watched"}
RESULT = {"rms": 1.5, "unit": "g", "velocity_rms_mm_s": 2.5}


@pytest.mark.parametrize(
    ("alarm", "result", "expected"),
    [
        (BASE, None, {"Active": False, "Acked": True, "Condition": "normal", "Severity": 0, "SeverityText": "none",
                      "State": "normal", "EventId": "", "Since": None, "Confidence": None, "Suppressed": "",
                      "NotWatched": "", "Agent": "line4", "RMS": None, "RMSUnit": "", "Velocity": None}),
        (ALARM, RESULT, {"Active": True, "Acked": False, "Condition": "ball", "Severity": 2, "SeverityText": "major",
                         "State": "active_unacked", "EventId": "e-7", "Since": 1_767_225_600_000, "Confidence": 0.97,
                         "RMS": 1.5, "RMSUnit": "g", "Velocity": 2.5}),
        ({**ALARM, "acked": True, "suppressed_by": "shelved"}, None, {"Acked": True, "Suppressed": "shelved"}),
        ({**ALARM, "severity": "of a later version"}, None, {"Severity": None, "SeverityText": "of a later version"}),
        ({**ALARM, "since": "soon", "confidence": math.inf}, {"rms": math.nan}, {"Since": None, "Confidence": None,
                                                                                 "RMS": None}),
        ({**ALARM, "since": "1960-01-01T00:00:00Z"}, None, {"Since": None}),
        # Its old measured values would mislead, but an alarm such as `silent` still stands.
        ({**ALARM, **WHY}, RESULT, {"NotWatched": "rate", "RMS": None, "Velocity": None, "Active": True}),
    ],
)  # fmt: skip
def test_documents_become_values(alarm: dict[str, Any], result: dict[str, Any] | None, expected: dict[str, Any]):
    values = machine_values(alarm, result)
    assert values is not None
    assert {name: values[name] for name in expected} == expected
    assert [name for name in DATATYPES if name not in values] == ["Ack", "Shelve", "LastCommand"]


@pytest.mark.parametrize("alarm", [{}, {**BASE, "state": 5}, {**BASE, "active": "perhaps"}, {**BASE, "agent": "+"}])
def test_a_document_of_another_form_has_no_values(alarm: dict[str, Any]):
    assert machine_values(alarm, None) is None
    assert event_metrics(alarm) is None


def test_an_event_has_its_own_time_and_is_historical():
    metrics = event_metrics(ALARM)
    assert metrics is not None
    assert {metric.timestamp_ms for metric in metrics} == {1_767_225_601_000}
    assert all(metric.historical for metric in metrics)
    assert {metric.name for metric in metrics} == {
        "Active", "Acked", "Condition", "Severity", "SeverityText", "State", "EventId", "Since", "Confidence",
        "Suppressed",
    }  # fmt: skip
    assert event_metrics({**ALARM, "decided_at": "x", "since": None}) is None
