"""`false_alarm` on a running agent: marked, shelved, kept over a restart, and over once the machine is learnt."""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.mqtt.stub import StubBroker

if TYPE_CHECKING:
    from plant import Plant

IDS = itertools.count()
AT_ONCE = {"raise_after": "1/1", "clear_after": "1/1"}


def command(plant: Plant, verb: str, **said: object) -> dict[str, Any]:
    """The first answer to a command."""
    asked = {"request_id": f"f{next(IDS)}", "by": "ana", **said}
    plant.broker.publish(f"drsn/v1/_agent/tester/cmd/{verb}", json.dumps(asked).encode(), 1, {}, retain=False)
    plant.turn(2)
    return plant.heard(f"drsn/v1/_reply/{asked['request_id']}")[0]


def alarm(plant: Plant) -> dict[str, Any]:
    return plant.retained("drsn/v1/a/alarm")


@pytest.fixture
def alarmed(start) -> Plant:
    plant = start(StubBroker(), **AT_ONCE)
    plant.turn(1)
    plant.say("a", "ball")
    plant.turn()
    deadline_s = time.monotonic() + 10
    while not plant.agent.recorder.counts()["written"]:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    return plant


@pytest.mark.parametrize("sensor", ["a", None])
def test_an_event_is_marked_and_every_document_says_so(alarmed: Plant, sensor: str | None):
    event_id = alarm(alarmed)["event_id"]
    reply = command(alarmed, "false_alarm", event_id=event_id, sensor=sensor, comment="new bearing", duration_s=600)
    (event,) = reply["events"]
    assert (reply["ok"], reply["sensor"], reply["evidence"]) == (True, "a", event_id)
    assert (event["false_alarm"], event["suppressed_by"], event["comment"]) == (event_id, "shelved", "new bearing")
    (standing,) = alarm(alarmed)["conditions"]
    assert (standing["false_alarm"], standing["acked_by"]) == (event_id, "ana")
    alarmed.clock.ahead_s += 2  # the summary comes once a second
    alarmed.turn()
    assert alarmed.retained("drsn/v1/_agent/tester/alarms")["alarms"][0]["conditions"][0]["false_alarm"] == event_id
    listed = command(alarmed, "events", sensor="a")["events"]
    assert [each["false_alarm"] for each in listed] == [None, event_id]


def test_a_second_command_changes_nothing_and_gets_the_event_and_the_evidence_of_the_raise(alarmed: Plant):
    event_id = alarm(alarmed)["event_id"]
    first = command(alarmed, "false_alarm", event_id=event_id)
    again = command(alarmed, "false_alarm", event_id=event_id, by="ben")
    other = command(alarmed, "false_alarm", event_id=first["events"][0]["event_id"], sensor="a")
    assert first["events"] == again["events"] == other["events"]
    assert again["evidence"] == other["evidence"] == event_id
    assert alarm(alarmed)["seq"] == 2


def test_a_mark_survives_a_restart_and_ends_with_the_next_raise(alarmed: Plant, start):
    event_id = alarm(alarmed)["event_id"]
    command(alarmed, "false_alarm", event_id=event_id)
    alarmed.crash()
    second = start(alarmed.broker, **AT_ONCE)
    second.seq = alarmed.seq
    second.turn(1)
    assert alarm(second)["false_alarm"] == event_id
    for label in ("normal", "ball"):
        second.say("a", label)
        second.turn()
    assert (alarm(second)["false_alarm"], alarm(second)["suppressed_by"]) == (event_id, "shelved"), "the same one again"
    command(second, "unshelve", sensor="a", condition="ball")
    for label in ("normal", "ball"):
        second.say("a", label)
        second.turn()
    assert (alarm(second)["false_alarm"], alarm(second)["state"]) == (None, "active_unacked")


def test_the_event_of_an_alarm_that_is_over_is_marked_and_nothing_is_shelved(alarmed: Plant):
    event_id = alarm(alarmed)["event_id"]
    alarmed.say("a", "normal")
    alarmed.turn()
    (event,) = command(alarmed, "false_alarm", event_id=event_id)["events"]
    assert (event["state"], event["false_alarm"], event["shelved_until"]) == ("normal", event_id, None)
    alarmed.say("a", "ball")
    alarmed.turn()
    assert alarm(alarmed)["false_alarm"] is None
    reply = command(alarmed, "false_alarm", event_id=event_id)
    assert (reply["ok"], "of an earlier alarm" in reply["reason"]) == (False, True)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"event_id": None}, "name the event"),
        ({"event_id": "8252fc5b-b8d8-5dc3-81ec-de4eb9504042"}, "no such event here"),
        ({"event_id": "../../x"}, "no such event here"),
        ({"event_id": "8252fc5b-b8d8-5dc3-81ec-de4eb9504042", "sensor": "a"}, "no event of a has this id"),
        ({"sensor": "b"}, "no sensor"),
        ({"duration_s": 28_801}, "duration_s"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(alarmed: Plant, said: dict[str, object], reason: str):
    reply = command(alarmed, "false_alarm", **{"event_id": alarm(alarmed)["event_id"], **said})
    assert (reply["ok"], reason in reply["reason"]) == (False, True), reply
    assert alarm(alarmed)["seq"] == 1


def test_an_event_without_evidence_is_marked_all_the_same(start):
    plant = start(StubBroker(), more={"evidence": {"windows": 0}}, **AT_ONCE)
    plant.turn(1)
    plant.say("a", "ball")
    plant.turn()
    event_id = alarm(plant)["event_id"]
    reply = command(plant, "false_alarm", event_id=event_id, sensor="a")
    assert (reply["ok"], reply["evidence"], alarm(plant)["false_alarm"]) == (True, None, event_id)


def learn(plant: Plant, label: str, **said: object) -> dict[str, Any]:
    """Commission `a` from a minute of this label; the last answer."""
    first = command(plant, "commission", sensor="a", **said)
    for _ in range(4):
        plant.say("a", label, windows=100)
    plant.turn(4)
    return plant.heard(f"drsn/v1/_reply/{first['request_id']}")[-1]


def test_an_alarm_forbids_learning_unless_the_operator_gives_a_reason(alarmed: Plant):
    for said, reason in (({}, "may be broken"), ({"despite_alarm": True}, "reason"), (
        {"despite_alarm": True, "comment": "  "}, "reason"
    )):  # fmt: skip
        assert reason in learn(alarmed, "ball", **said)["reason"]
    last = learn(alarmed, "ball", despite_alarm=True, comment="new bearing")
    assert (last["ok"], last["pending"]) == (True, None), last
    assert (last["commission"]["despite"], last["commission"]["comment"]) == (["ball"], "new bearing")


def test_learning_ends_the_alarm_and_its_shelving_and_names_who(alarmed: Plant):
    event_id = alarm(alarmed)["event_id"]
    command(alarmed, "false_alarm", event_id=event_id)
    assert learn(alarmed, "ball", despite_alarm=True, comment="new bearing")["ok"]
    assert alarm(alarmed)["conditions"] == []
    ended = command(alarmed, "events", sensor="a")["events"][-1]
    assert (ended["condition"], ended["state"], ended["false_alarm"]) == ("ball", "normal", event_id)
    assert (ended["by"], ended["comment"], ended["shelved_until"]) == ("ana", "new bearing", None)
    alarmed.say("a", "inner_race")
    alarmed.turn()
    assert (alarm(alarmed)["condition"], alarm(alarmed)["suppressed_by"]) == ("inner_race", None)
