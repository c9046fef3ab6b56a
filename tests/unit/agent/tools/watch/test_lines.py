from __future__ import annotations

import json
import re

from drsn.agent.tools.live.live_state import Update
from drsn.agent.tools.watch.lines import json_of, line_of

EVENT = {
    "agent": "line4", "sensor": "press4", "condition": "inner_race", "label": "inner_race_014", "severity": "major",
    "state": "active_unacked", "confidence": 0.97, "since": "2026-01-01T12:00:00.000Z", "event_id": "e-8",
}  # fmt: skip


def test_a_line_has_time_sensor_condition_state_severity_confidence_and_event():
    words = line_of(Update("event", EVENT)).split()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", words[0])
    assert words[2:] == ["press4", "inner_race", "(inner_race_014)", "active_unacked", "major", "97%", "e-8"]
    assert " stands " in line_of(Update("current", {**EVENT, "confidence": None}))
    assert " missed " in line_of(Update("missed", EVENT))


def test_who_and_why_are_beside_it():
    line = line_of(Update("event", {**EVENT, "suppressed_by": "shelved", "by": "ana", "comment": "overhaul"}))
    assert line.endswith("(shelved, by ana, overhaul)")


def test_an_agent_that_is_gone_makes_its_alarms_invalid():
    assert line_of(Update("agent", {"agent": "line4", "state": "online"})) == "agent line4 is online"
    assert line_of(Update("agent", {"agent": "line4", "state": "offline"})).endswith("its alarms are not valid now")


def test_json_is_the_document_with_its_kind():
    assert json.loads(json_of(Update("event", EVENT))) == {"kind": "event", **EVENT}
