from __future__ import annotations

import json
from dataclasses import replace

import pytest

from drsn.agent.tools.demo.command import summary
from drsn.agent.tools.demo.result import DemoResult, machine_result

START_UNIX_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def event(condition: str, *, active: bool = True, sensor: str = "fan", second: int = 5) -> dict[str, object]:
    return {"sensor": sensor, "condition": condition, "active": active, "since": f"2026-01-01T00:00:{second:02}.250Z"}


def alarms(*conditions: str) -> dict[str, dict[str, object]]:
    return {"fan": {"conditions": [{"condition": name, "active": True} for name in conditions]}}


@pytest.mark.parametrize(
    ("expected", "events", "standing", "right"),
    [
        ("ball", [event("ball")], ["ball"], True),
        ("ball", [], [], False),
        ("ball", [event("ball")], [], False),  # raised, but not active at the end
        ("ball", [event("ball"), event("ball", active=False)], [], False),
        ("ball", [event("ball"), event("ball", active=False), event("ball")], ["ball"], True),
        ("ball", [event("inner_race")], ["inner_race"], False),
        ("ball", [event("unknown"), event("ball")], ["ball"], False),  # a wrong alarm on the way
        ("ball", [event("ball")], ["ball", "unknown"], False),
        ("ball", [event("ball", sensor="pump")], [], False),  # another machine's
        (None, [], [], True),
        (None, [event("ball", sensor="pump")], [], True),
        (None, [event("unknown")], [], False),
    ],
)
def test_the_expected_alarm_and_no_other_must_be_raised_and_stay_active(
    expected: str | None, events: list, standing: list[str], *, right: bool
):
    assert machine_result("fan", expected, events, alarms(*standing), START_UNIX_S).right is right


def test_a_machine_without_documents_is_right_only_if_no_alarm_is_expected():
    assert machine_result("fan", None, [], {}, START_UNIX_S).right
    assert not machine_result("fan", "ball", [], {}, START_UNIX_S).right


def test_the_first_alarm_is_timed_by_the_deciding_window():
    events = [event("ball", second=7), event("ball", second=9)]
    assert machine_result("fan", "ball", events, alarms("ball"), START_UNIX_S).first_alarm_s == 7.25
    assert machine_result("fan", None, [], {}, START_UNIX_S).first_alarm_s is None


GOOD = machine_result("fan", "ball", [event("ball")], alarms("ball"), START_UNIX_S)
BAD = machine_result("pump", "ball", [], {}, START_UNIX_S)
RESULT = DemoResult((GOOD,), 350, {"received": 60}, {"p50": 1.0, "p95": 2.0, "p99": 3.0}, {}, 12.0)


def test_one_wrong_machine_fails_the_demo():
    assert RESULT.passed
    assert not replace(RESULT, machines=(GOOD, BAD)).passed


def test_scripts_get_one_json_object():
    document = json.loads(json.dumps(replace(RESULT, machines=(GOOD, BAD)).as_json()))
    assert (document["passed"], document["alarms"], document["windows"], document["seconds"]) == (False, 1, 350, 12.0)
    first, second = document["findings"]
    assert (first["sensor"], first["expected"], first["raised"], first["right"]) == ("fan", "ball", ["ball"], True)
    assert (second["raised"], second["first_alarm_s"], second["right"]) == ([], None, False)


def test_the_summary_shows_which_machine_is_wrong():
    lines = summary(replace(RESULT, machines=(GOOD, BAD))).splitlines()
    assert lines[0].split(maxsplit=2) == ["ok", "fan", "ball after 5.2 s (expected: ball)"]
    assert lines[1].split(maxsplit=2) == ["BAD", "pump", "no alarm (expected: ball)"]
    assert "p99 3 ms" in lines[2]
    assert "FAILED" in lines[3]
    assert summary(RESULT).endswith("demo passed")
    assert "FAILED" in summary(replace(RESULT, machines=(BAD,), latency_ms={}))
