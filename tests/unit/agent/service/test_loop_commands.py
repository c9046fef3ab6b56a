"""Commands to a running agent: done once, answered when committed, refused with a reason."""

from __future__ import annotations

import itertools
import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from plant import NO_WAITS, fails

from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.rpc.events_verb import EVENTS
from drsn.agent.rpc.queue import QUEUE_LIMITS

if TYPE_CHECKING:
    from plant import Plant

AT_ONCE = {"raise_after": "1/1", "clear_after": "1/1"}
IDS = itertools.count()


def command(plant: Plant, verb: str, *, turns: int = 1, mqtt: dict[str, Any] | None = None, **said: object) -> str:
    asked = {"request_id": f"r{next(IDS)}", "by": "ana", "sensor": "a", **said}
    payload = json.dumps(asked).encode()
    plant.broker.publish(f"drsn/v1/_agent/tester/cmd/{verb}", payload, 1, {}, **{"retain": False, **(mqtt or {})})
    plant.turn(turns)
    return asked["request_id"]


def replies(plant: Plant, request_id: str) -> list[dict[str, Any]]:
    return plant.heard(f"drsn/v1/_reply/{request_id}")


def told(plant: Plant, verb: str, **said: object) -> dict[str, Any]:
    (reply,) = replies(plant, command(plant, verb, **said))
    return reply


@pytest.fixture
def plant(start) -> Plant:
    plant = start(StubBroker(), **AT_ONCE)
    plant.turn(1)
    plant.say("a", "ball")
    plant.turn()
    return plant


def standing(plant: Plant) -> dict[str, Any]:
    return plant.retained("drsn/v1/a/alarm")


def test_an_acknowledgement_is_an_event_a_state_and_an_answer(plant: Plant):
    seen = standing(plant)
    reply = told(plant, "ack", condition="ball", event_id=seen["event_id"], comment="bearing ordered")
    assert (reply["ok"], reply["reason"], reply["verb"], reply["agent"]) == (True, None, "ack", "tester")
    (event,) = reply["events"]
    assert event == plant.heard("drsn/v1/a/event")[-1]
    assert (event["state"], event["seq"], event["acked_by"]) == ("active_acked", 2, "ana")
    assert (event["by"], event["comment"], event["since"]) == ("ana", "bearing ordered", seen["since"])
    plant.turn()
    assert (standing(plant)["state"], standing(plant)["acked_by"]) == ("active_acked", "ana")
    topics = [topic for topic, _ in plant.broker.log if "result" not in topic and "health" not in topic]
    assert topics.index(f"drsn/v1/_reply/{reply['request_id']}") > topics.index("drsn/v1/_agent/tester/cmd/ack")


def test_the_same_request_again_is_answered_the_same_and_done_once(plant: Plant, start):
    seen = standing(plant)["event_id"]
    request_id = command(plant, "ack", condition="ball", event_id=seen)
    (first,) = replies(plant, request_id)
    command(plant, "ack", condition="ball", event_id=seen, request_id=request_id)
    plant.crash()
    second = start(plant.broker, **AT_ONCE)
    second.turn(1)
    command(second, "ack", condition="ball", event_id=seen, request_id=request_id)
    assert replies(second, request_id) == [first] * 3
    assert len(second.heard("drsn/v1/a/event")) == 2


@pytest.mark.parametrize(
    ("verb", "said", "reason"),
    [
        ("ack", {"condition": "ball"}, "event_id"),
        ("ack", {"condition": "ball", "event_id": "another"}, "read the alarm again"),
        ("ack", {"condition": "bal", "event_id": "another"}, "no condition 'bal'"),
        ("shelve", {"condition": "ball", "event_id": "another", "duration_s": 60}, "read the alarm again"),
        ("reset", {"condition": "ball"}, "still active"),
        ("shelve", {}, "duration_s"),
        ("unshelve", {}, "already"),
        ("shelve", {"sensor": "b", "duration_s": 60}, "no sensor 'b'"),
        ("shelve", {"sensor": None, "duration_s": 60}, "sensor: missing; name the sensor"),
        ("events", {"sensor": None}, "sensor: missing; name the sensor"),
        ("launch", {}, "unknown verb 'launch'; use one of ack"),
        ("l" * 9999, {}, f"unknown verb '{'l' * 64}'; use one of ack"),
        ("ack", {"expires": "2020-01-01T00:00:00Z"}, "expired"),
        ("ack", {"by": ""}, "by"),
        ("ack", {"mqtt": {"retain": True}}, "retained"),
    ],
)
def test_a_refusal_says_why_and_changes_nothing(plant: Plant, verb: str, said: dict[str, Any], reason: str, start):
    before = standing(plant)
    if "mqtt" in said:  # retained from before: only a new subscription sees it so
        command(plant, verb, **said)
        plant.crash()
        plant = start(plant.broker, **AT_ONCE)
        plant.turn()
        topic = f"drsn/v1/_reply/{json.loads(plant.broker.retained[f'drsn/v1/_agent/tester/cmd/{verb}'])['request_id']}"
        reply = plant.heard(topic)[-1]
    else:
        reply = told(plant, verb, **said)
    assert not reply["ok"]
    assert reason in reply["reason"]
    assert reply["events"] == []
    assert {**standing(plant), "not_watched": None} == before
    assert len(plant.heard("drsn/v1/a/event")) == 1


def test_what_is_no_command_is_taken_and_answered_to_nobody(plant: Plant):
    for payload in (b"", b"{", b"\xff" * 20_000, b'{"request_id": "a/b"}', b"[]"):
        plant.broker.publish("drsn/v1/_agent/tester/cmd/ack", payload, 1, {}, retain=False)
    plant.turn()
    assert not [topic for topic, _ in plant.broker.log if "_reply" in topic]
    assert told(plant, "events")["ok"], "and the next one is heard"


def test_nothing_is_answered_before_it_is_committed(plant: Plant, start):
    seen = standing(plant)["event_id"]
    plant.journal.commit = fails(RuntimeError("the power is cut"))
    with pytest.raises(RuntimeError):
        command(plant, "ack", condition="ball", event_id=seen, request_id="lost")
    plant.crash()
    successor = start(plant.broker, **AT_ONCE)
    successor.turn()
    assert replies(successor, "lost") == []
    assert standing(successor)["state"] == "active_unacked"


def test_the_answer_goes_where_it_is_wanted_if_that_is_ours(plant: Plant):
    wanted = {"response_topic": "drsn/v1/_reply/shell/7"}
    command(plant, "events", mqtt=wanted)
    assert len(plant.heard("drsn/v1/_reply/shell/7")) == 1
    for stranger in ("drsn/v1/a/alarm", "drsn/v1/_reply/+", "drsn/v1/_reply/", "drsn/v1/_reply/a//b", "x"):
        before = plant.heard(stranger)
        request_id = command(plant, "events", mqtt={"response_topic": stranger})
        assert len(replies(plant, request_id)) == 1
        assert plant.heard(stranger) == before


def test_a_shelving_ends_by_itself_also_after_a_restart(plant: Plant, start):
    reply = told(plant, "shelve", duration_s=60)
    assert {event["suppressed_by"] for event in reply["events"]} == {"shelved"}
    plant.turn()
    assert standing(plant)["suppressed_by"] == "shelved"
    assert len(standing(plant)["conditions"]) == len(reply["events"]), "what is put aside is in sight"
    plant.crash()
    second = start(plant.broker, **AT_ONCE)
    second.turn()
    assert standing(second)["suppressed_by"] == "shelved"
    second.clock.ahead_s += 61
    second.turn()
    assert standing(second)["suppressed_by"] is None
    assert len(standing(second)["conditions"]) == 1


def test_the_journal_answers_page_by_page(plant: Plant):
    for label in ("normal", "ball") * 60:
        plant.say("a", label)
        plant.turn()
    first = told(plant, "events")
    assert (len(first["events"]), first["more"]) == (EVENTS, True)
    rest = told(plant, "events", from_seq=first["events"][-1]["seq"] + 1)
    assert not rest["more"]
    assert [event["seq"] for event in first["events"] + rest["events"]] == list(range(1, 122))
    deadline_s = time.monotonic() + 20
    while len(plant.heard("drsn/v1/a/event")) < 121:  # a burst goes out at a limited rate
        assert time.monotonic() < deadline_s
        plant.turn()
    assert first["events"] + rest["events"] == plant.heard("drsn/v1/a/event")


def test_a_flood_of_commands_is_bounded_and_windows_go_on(plant: Plant):
    plant.broker.exceeds_receive_maximum = True
    for _ in range(QUEUE_LIMITS[True].commands + 10):
        command(plant, "events", turns=0)
    assert plant.agent.dispatcher.dropped == 10
    plant.say("a", "normal")
    plant.turn(2)
    assert standing(plant)["state"] == "normal"


def test_latch_and_reset(start):
    plant = start(StubBroker(), **AT_ONCE, latch="true", require_ack="true")
    plant.turn(1)
    for label in ("ball", "normal"):
        plant.say("a", label)
        plant.turn()
    alarm = standing(plant)
    assert (alarm["state"], alarm["active"], alarm["latched"]) == ("active_unacked", False, True)
    assert told(plant, "reset", condition="ball")["events"][0]["state"] == "cleared_unacked"
    plant.turn()
    assert told(plant, "ack", condition="ball", event_id=standing(plant)["event_id"])["events"][0]["state"] == "normal"
    plant.turn()
    assert (standing(plant)["state"], standing(plant)["conditions"]) == ("normal", [])


def test_a_command_is_acknowledged_and_a_question_is_answered_anew(plant: Plant):
    request_id = command(plant, "events")
    assert plant.control.in_flight == {}, "the broker need not send it again"
    plant.say("a", "normal")
    plant.turn()
    command(plant, "events", request_id=request_id)
    assert [len(reply["events"]) for reply in replies(plant, request_id)] == [1, 2]


def test_a_command_wakes_the_loop(start, wait_until):
    """On a quiet plant it waited for the end of the idle wait, half a second."""
    plant = start(StubBroker(), waits=replace(NO_WAITS, idle_wait_s=60.0))
    plant.say("a", "normal")
    plant.turn(1)
    ended = threading.Event()

    def turn_until_ended() -> None:
        while not ended.is_set():
            plant.loop.turn()

    turns = threading.Thread(target=turn_until_ended)
    turns.start()
    try:
        for _ in range(3):  # one of them finds the loop waiting, whatever woke it before
            request_id = command(plant, "events", turns=0)
            wait_until(lambda request_id=request_id: replies(plant, request_id))
    finally:
        ended.set()
        plant.agent.inbox.wake()
        turns.join(20.0)
