"""Lines that confirm commands and that show alarms and events."""

from __future__ import annotations

import pytest

from drsn.agent.__main__ import main
from drsn.agent.tools.operator.arguments import SENSOR_VERBS
from drsn.agent.tools.operator.table import alarm_lines, done_line, event_line

EVENT = {
    "seq": 7, "sensor": "press4", "condition": "unknown", "label": "inner_race_007", "state": "active_unacked",
    "severity": "minor", "since": "2026-01-01T00:00:00.000Z", "decided_at": "2026-01-01T00:00:01.000Z", "votes": 6,
    "of": 8, "event_id": "4b4f9f9a-0000-5000-8000-000000000000",
}  # fmt: skip


@pytest.mark.parametrize("verb", SENSOR_VERBS)
def test_a_command_is_confirmed_in_one_line_that_names_sensor_condition_and_way_back(verb: str):
    line = done_line(verb, "press4", "ball", "line4", "2026-01-01T01:00:00.000Z")
    assert line.startswith("press4")
    assert "line4" in line
    assert ("ball" in line) == (verb != "forget")
    assert ("2026-01-01T01:00:00.000Z" in line) == (verb == "shelve")
    assert ("undo: drsn-agent" in line) == (verb not in ("ack", "reset", "forget"))


@pytest.mark.parametrize("verb", [verb for verb in SENSOR_VERBS if verb not in ("ack", "reset", "forget")])
@pytest.mark.parametrize("condition", [None, "ball"])
def test_the_way_back_is_a_command(verb: str, condition: str | None, capsys):
    words = done_line(verb, "press4", condition, "line4").partition("undo: drsn-agent ")[2].replace(" N", " 1").split()
    assert words[1:2] == ["press4"]
    assert main([*words, "--broker", "no-url"]) == 64  # every option is known, and only the broker is wrong
    assert "is not mqtt://" in capsys.readouterr().err


def test_an_event_has_its_id_and_what_is_not_known_is_no_fault():
    line = event_line(EVENT)
    assert line.endswith(f"event {EVENT['event_id']}")
    assert "not known; nearest inner_race_007" in line


def test_a_silent_sensor_is_shown_with_the_time_of_its_last_window():
    silent = {**EVENT, "condition": "silent", "label": "silent"}
    alarm = {"agent": "line4", "conditions": [silent]}
    lines = list(alarm_lines({"press4": alarm}, {"line4": {"state": "online"}}, {}, every=False))
    assert "no window since 2026-01-01T00:00:00.000Z" in lines[1]
