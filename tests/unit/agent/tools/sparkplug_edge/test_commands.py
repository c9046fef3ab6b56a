from __future__ import annotations

import json

import pytest

from drsn.agent.tools.sparkplug_edge.commands import (
    AgentCommand,
    Refused,
    answer_text,
    device_commands,
    rebirth_is_asked,
)

ALARM = {"agent": "line4", "conditions": [{"condition": "ball", "event_id": "e-7"}, {"condition": "silent"}]}


@pytest.mark.parametrize(
    ("name", "value", "verb", "fields"),
    [
        ("Ack", "e-7", "ack", {"sensor": "press4", "condition": "ball", "event_id": "e-7"}),
        ("Shelve", 600, "shelve", {"sensor": "press4", "duration_s": 600.0}),
        ("Shelve", 28_800, "shelve", {"sensor": "press4", "duration_s": 28_800.0}),
        ("Shelve", 0, "unshelve", {"sensor": "press4"}),
    ],
)
def test_a_metric_becomes_a_command_of_the_agent(name: str, value: object, verb: str, fields: dict):
    assert device_commands("press4", ALARM, [(name, value)]) == [AgentCommand(name, verb, fields)]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Ack", "e-6", "read EventId again"),
        ("Ack", "", "write the text of EventId"),
        ("Ack", True, "write the text of EventId"),
        ("Ack", None, "write the text of EventId"),
        ("Shelve", -1, "from 0 to 28800"),
        ("Shelve", 28_801, "from 0 to 28800"),
        ("Shelve", float("nan"), "from 0 to 28800"),
        ("Shelve", True, "from 0 to 28800"),
        ("Shelve", "600", "from 0 to 28800"),
        ("Active", False, "it has Ack, Shelve"),
        ("", 1, "it has Ack, Shelve"),
    ],
)
def test_others_are_refused_with_a_reason(name: str, value: object, reason: str):
    (found,) = device_commands("press4", ALARM, [(name, value)])
    assert isinstance(found, Refused)
    assert reason in found.reason


def test_a_rebirth_is_asked_for_with_true_alone():
    assert rebirth_is_asked([("x", 1), ("Node Control/Rebirth", True)])
    assert not rebirth_is_asked([("Node Control/Rebirth", False), ("Node Control/Rebirth", 1), ("x", True)])


def test_the_answer_is_json():
    assert json.loads(answer_text("Ack", "no", "now")) == {"command": "Ack", "ok": False, "reason": "no", "at": "now"}
    assert json.loads(answer_text("Ack", None, "now"))["ok"]
