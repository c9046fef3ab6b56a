"""Evidence over MQTT: when somebody asks, or with the event."""

from __future__ import annotations

import json
import time

import pytest

from drsn.agent.evidence.json_form import from_message
from drsn.agent.mqtt.stub import StubBroker

AT_ONCE = {"raise_after": "1/1", "clear_after": "1/1"}


def failed(plant) -> dict[str, object]:
    plant.turn(1)
    plant.say("a", "ball")
    plant.turn()
    deadline_s = time.monotonic() + 10
    while not plant.agent.recorder.counts()["written"]:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    return plant.retained("drsn/v1/a/alarm")


def ask(plant, **said: object) -> dict[str, object]:
    asked = {"request_id": "r1", "by": "ana", "sensor": "a", **said}
    plant.broker.publish("drsn/v1/_agent/tester/cmd/evidence", json.dumps(asked).encode(), 1, {}, retain=False)
    plant.turn(1)
    return plant.heard("drsn/v1/_reply/r1")[-1]


def test_who_asks_gets_the_windows_behind_an_event_and_then_an_answer(start):
    plant = start(StubBroker(), **AT_ONCE)
    event_id = failed(plant)["event_id"]
    topic = f"drsn/v1/a/evidence/{event_id}"
    assert topic not in dict(plant.broker.log), "nobody has asked"
    assert ask(plant, event_id=event_id)["ok"]
    record = from_message(dict(plant.broker.log)[topic])
    assert (record.event.event_id, record.event.condition, record.arrays.counts.shape[-1]) == (event_id, "ball", 2048)
    topics = [name for name, _ in plant.broker.log]
    assert topics.index(topic) < topics.index("drsn/v1/_reply/r1")


def test_an_event_is_found_without_its_sensor(start):
    plant = start(StubBroker(), **AT_ONCE)
    event_id = failed(plant)["event_id"]
    reply = ask(plant, event_id=event_id, sensor=None)
    assert (reply["ok"], reply["sensor"]) == (True, "a")
    assert f"drsn/v1/a/evidence/{event_id}" in dict(plant.broker.log)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"event_id": None}, "name the event"),
        ({"event_id": "../../agent"}, "nothing is kept"),
        ({"sensor": "b"}, "nothing is kept"),
        ({"sensor": None, "event_id": "8252fc5b-b8d8-5dc3-81ec-de4eb9504042"}, "no such event here"),
    ],
)
def test_what_is_not_there_is_refused(start, said: dict[str, object], reason: str):
    plant = start(StubBroker(), **AT_ONCE)
    asked = {"event_id": failed(plant)["event_id"], **said}
    reply = ask(plant, **asked)
    assert (reply["ok"], reason in reply["reason"]) == (False, True)
    assert not [topic for topic, _ in plant.broker.log if "/evidence/" in topic]


def test_it_goes_out_with_its_event_where_that_is_wanted(start):
    plant = start(StubBroker(), {"evidence": {"publish": True}}, **AT_ONCE)
    alarm = failed(plant)
    plant.agent.recorder.close()
    (payload,) = [payload for topic, payload in plant.broker.log if "/evidence/" in topic]
    assert from_message(payload).event.event_id == alarm["event_id"]
