from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.tools.opcua.condition_fields import NodeName, condition_fields, message_of
from drsn.agent.tools.opcua.condition_state import ConditionKey, moment, state_of
from drsn.agent.tools.opcua.quality import Quality, quality_of
from drsn.agent.tools.opcua.sensor_fields import MEANINGS, sensor_fields

KEY = ConditionKey("line4", "press4", "inner_race")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
DOCUMENT: dict[str, Any] = {
    "condition": "inner_race", "label": "inner_race_014", "state": "active_unacked", "severity": "critical",
    "event_id": "7c9afe2f-9b89-5a47-adf7-036f6dcb4527", "confidence": 0.97, "since": "2025-12-31T23:59:00.000Z",
    "decided_at": "2025-12-31T23:59:01.000Z",
}  # fmt: skip


def fields(**more: object) -> dict[str, Any]:
    state = state_of(KEY, {**DOCUMENT, **more}, 1, Quality.GOOD, None)
    return {path: field.value for path, field in condition_fields(state, NOW).items()}


def test_the_fields_of_an_active_alarm():
    found = fields()
    assert found["EventId"].hex() == DOCUMENT["event_id"].replace("-", ""), "the agent's id, so that logs compare"
    assert (found["Severity"], found["ConditionName"], found["SourceName"]) == (900, "inner_race", "press4")
    assert (found["ActiveState"], found["ActiveState/Id"]) == ("Active", True)
    assert (found["AckedState"], found["AckedState/Id"], found["Retain"]) == ("Unacknowledged", False, True)
    assert (found["BranchId"], found["Quality"], found["EnabledState/Id"]) == (None, Quality.GOOD, True)
    assert found["Time"] == datetime(2025, 12, 31, 23, 59, 1, tzinfo=timezone.utc)
    assert found["SourceNode"] == NodeName("line4/press4")
    assert found["Message"] == "press4: inner_race, active unacked, confidence 97%"


def test_the_state_that_an_operator_set():
    found = fields(suppressed_by="shelved", shelved_until="2026-01-01T00:01:00.000Z", by="kim", comment="later")
    assert (found["ShelvingState/CurrentState"], found["ShelvingState/UnshelveTime"]) == ("Timed Shelved", 60_000.0)
    assert (found["SuppressedOrShelved"], found["SuppressedState/Id"]) == (True, False)
    assert (found["ClientUserId"], found["Comment"]) == ("kim", "later")
    assert fields(suppressed_by="out_of_service")["OutOfServiceState/Id"] is True
    assert fields(suppressed_by="gate")["SuppressedState/Id"] is True
    assert fields(latched=True)["LatchedState/Id"] is True


@pytest.mark.parametrize(
    ("state", "active", "acked"),
    [("normal", False, True), ("active_unacked", True, False), ("active_acked", True, True),
     ("cleared_unacked", False, False)],
)  # fmt: skip
def test_each_state_of_the_documents(state: str, active: bool, acked: bool):  # noqa: FBT001 (a table)
    found = fields(state=state)
    assert (found["ActiveState/Id"], found["AckedState/Id"]) == (active, acked)
    assert found["Retain"] == (active or not acked)


@pytest.mark.parametrize(
    ("connected", "agent", "watched", "expected"),
    [(True, "online", True, "Good"), (True, "degraded", True, "Good"),
     (True, "online", False, "UncertainLastUsableValue"),
     (False, "online", True, "UncertainNoCommunicationLastUsableValue"), (True, "offline", True, "BadNoCommunication"),
     (True, "stopped", True, "BadNoCommunication"), (True, None, True, "BadNoCommunication")],
)  # fmt: skip
def test_the_quality(connected: bool, agent: str | None, watched: bool, expected: str):  # noqa: FBT001 (a table)
    assert quality_of(agent, connected=connected, watched=watched).value == expected


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.just("\ud800")
)
optional = (
    "event_id",
    "label",
    "latched",
    "suppressed_by",
    "shelved_until",
    "confidence",
    "decided_at",
    "comment",
    "by",
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(optional, anything)), st.text(), st.text())
def test_no_document_of_a_stranger_breaks_the_bridge(more: dict[str, Any], state: str, severity: str):
    """The four texts of a condition were validated; any client of the broker may have written the others."""
    made = state_of(KEY, {**DOCUMENT, **more, "state": state, "severity": severity}, 1, Quality.GOOD, None)
    found = condition_fields(made, NOW)
    assert 1 <= found["Severity"].value <= 1000
    assert len(made.notification_id) == 16
    assert all(field.value.encode() is not None for field in found.values() if isinstance(field.value, str))
    assert len(message_of(made)) < 100 + 2 * 500 + len(state)


@given(st.text())
def test_a_time_is_a_time_or_none(text: str):
    assert moment(text) is None or moment(text).tzinfo is timezone.utc


def test_the_variables_of_a_sensor():
    result = {"confidence": 0.5, "rms": 0.3, "unit": None, "velocity_rms_mm_s": None}
    quiet = sensor_fields({"conditions": (), "not_watched": None}, result)
    assert list(quiet) == list(MEANINGS)
    assert [quiet[name].value for name in ("Condition", "Severity", "State", "Rms", "VelocityRms")] == [
        "normal", 0, "normal", 0.3, None,
    ]  # fmt: skip
    reason = {"reason": "silent", "remedy": "check the sensor", "since": "x"}
    alarm = sensor_fields({"conditions": [{**DOCUMENT, "state": "normal"}, DOCUMENT], "not_watched": reason}, None)
    assert [alarm[name].value for name in ("Condition", "Severity", "State", "NotWatched")] == [
        "inner_race", 900, "active_unacked", "silent: check the sensor",
    ]  # fmt: skip
    assert sensor_fields({"not_watched": reason}, None)["State"].value == "not_watched"
