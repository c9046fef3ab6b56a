from __future__ import annotations

import json
from typing import Any

import pytest

from drsn.agent.mqtt.message import Message
from drsn.agent.tools.live.live_state import LiveState
from drsn.agent.tools.web.documents import Documents, shown_result

CONDITION = {
    "condition": "ball", "label": "ball_007", "state": "active_unacked", "severity": "major", "confidence": 0.97,
    "since": "2026-01-01T00:00:00.000Z", "event_id": "e-7", "suppressed_by": None,
}  # fmt: skip
ALARM = {
    "agent": "line4",
    "epoch": "e1",
    "sensor": "press4",
    "seq": 7,
    "state": "active_unacked",
    "conditions": [CONDITION],
}
RESULT = {
    "sensor": "press4", "condition": "ball", "label": "ball_007", "confidence": 0.9, "rms": 0.5, "windows": 3,
    "probabilities": {"normal": 0.1, "ball_007": 0.9}, "novelty": 0.2, "t1": "2026-01-01T00:00:00.000Z",
}  # fmt: skip


@pytest.fixture
def live() -> LiveState:
    found = LiveState("drsn/v1")
    put(found, "_agent/line4/status", {"state": "online", "epoch": "e1"})
    put(found, "press4/alarm", ALARM)
    return found


def put(live: LiveState, topic: str, document: object, at_s: float = 0.0) -> None:
    payload = json.dumps(document).encode() if document is not None else b""
    live.take(Message(f"drsn/v1/{topic}", payload, 1, retained=False, received_s=at_s, received_unix_ns=0))


def machine(live: LiveState, *, connected: bool = True, now_s: float = 10.0) -> dict[str, Any]:
    return Documents(live, lambda _sensor: [1.0, None]).machine("press4", now_s, connected=connected)


def test_a_machine_has_its_most_urgent_condition_and_its_last_result(live: LiveState):
    put(live, "press4/result", RESULT, 7.5)
    put(live, "press4/result", RESULT, 8.5)
    found = machine(live)
    assert (found["state"], found["text"], found["severity"], found["event_id"]) == (
        "active_unacked", "ball (ball_007)", "major", "e-7",
    )  # fmt: skip
    shown = {"unit": None, "velocity_rms_mm_s": None, **RESULT}  # what the document leaves out
    assert (found["result"], found["result_age_s"], found["windows_per_s"]) == (shown, 1.5, 3.0)
    assert (found["agent_state"], found["trend"], found["conditions"]) == ("online", [1.0, None], [CONDITION])


def test_an_alarm_without_its_agent_is_not_valid(live: LiveState):
    for state, text in (("offline", "agent offline: last known ball (ball_007)"), ("degraded", "ball (ball_007)")):
        put(live, "_agent/line4/status", {"state": state, "epoch": "e1"})
        assert machine(live)["text"] == text
    put(live, "_agent/line4/status", {"state": "online", "epoch": "e2"})
    assert machine(live)["state"] == "unknown", "of another epoch"
    put(live, "_agent/line4/status", None)
    found = machine(live)
    assert (found["state"], found["agent_state"]) == ("unknown", "unknown")
    assert machine(live, connected=False)["text"].startswith("no connection to the broker")


def test_normal_and_not_watched(live: LiveState):
    put(live, "press4/alarm", {**ALARM, "state": "normal", "conditions": []})
    assert (machine(live)["state"], machine(live)["text"], machine(live)["condition"]) == ("normal", "normal", None)
    blind = {"reason": "no packets", "remedy": "start it", "since": "2026-01-01T00:00:00.000Z"}
    put(live, "press4/alarm", {**ALARM, "state": "not_watched", "conditions": [], "not_watched": blind})
    found = machine(live)
    assert (found["state"], found["text"], found["not_watched"]) == ("not_watched", "not watched", blind)


def test_sources_without_an_alarm_document_are_listed_apart(live: LiveState):
    source = {"source": "plant/x", "reason": "sample rate", "remedy": "set it", "since": "2026-01-01T00:00:00.000Z"}
    put(live, "_agent/line4/health", {"not_watched": [source, {**source, "source": "press4"}]}, 4.0)
    documents = Documents(live, lambda _sensor: [])
    assert documents.not_watched() == [
        {"agent": "line4", "name": "plant/x", "reason": "sample rate", "remedy": "set it", "since": source["since"]}
    ]
    agent = documents.agent("line4", 10.0)
    assert (agent["state"], agent["health_age_s"], agent["health"]["not_watched"][0]) == ("online", 6.0, source)
    assert documents.agents() == ["line4"]


@pytest.mark.parametrize(
    "change",
    [{"rms": -1}, {"rms": None}, {"probabilities": "x"}, {"probabilities": dict.fromkeys(map(str, range(300)), 0.0)},
     {"label": "x" * 65}, {"velocity_rms_mm_s": float("inf")}],
)  # fmt: skip
def test_a_result_that_no_agent_wrote_is_not_shown(live: LiveState, change: dict):
    put(live, "press4/result", {**RESULT, **change})
    assert machine(live)["result"] is None
    assert shown_result({**RESULT, **change}) is None
