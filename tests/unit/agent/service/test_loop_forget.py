"""The command `forget`: what is gone leaves nothing but its history."""

from __future__ import annotations

import itertools
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.storage.journal import FILE

if TYPE_CHECKING:
    from pathlib import Path

    from plant import Plant

AT_ONCE = {"raise_after": "1/1", "clear_after": "1/1"}
IDS = itertools.count()
ALARM = "drsn/v1/a/alarm"


def command(plant: Plant, verb: str, **said: object) -> dict[str, Any]:
    asked = {"request_id": f"f{next(IDS)}", "by": "ana", "sensor": "a", **said}
    plant.broker.publish(f"drsn/v1/_agent/tester/cmd/{verb}", json.dumps(asked).encode(), 1, {}, retain=False)
    plant.turn(2)
    (reply,) = plant.heard(f"drsn/v1/_reply/{asked['request_id']}")
    return reply


@pytest.fixture
def plant(start) -> Plant:
    plant = start(StubBroker(), **AT_ONCE)
    for name in "abcd":
        plant.say(name, "normal")
    plant.turn()
    return plant


def test_a_forgotten_sensor_leaves_no_alarm_no_state_no_cursor_and_no_windows(plant: Plant, start):
    windows_bytes = plant.agent.recorder.nbytes  # of four sensors
    assert command(plant, "forget")["ok"]
    assert ALARM not in plant.broker.retained
    assert [payload for topic, payload in plant.broker.log if topic == ALARM][-1] == b""
    agent = plant.agent
    assert "a" not in agent.pipeline.engine.sensors
    assert agent.recorder.nbytes == windows_bytes * 3 / 4
    assert plant.journal.load().cursors.keys() == {"b", "c", "d"}
    assert "no sensor 'a'" in command(plant, "forget")["reason"]
    plant.crash()
    successor = start(plant.broker, **AT_ONCE)
    successor.turn()
    assert ALARM not in successor.broker.retained


def test_its_place_is_free(plant: Plant):
    plant.say("e", "normal")
    plant.turn()
    assert plant.health().rejected == {"too_many_sensors": 1}
    command(plant, "forget")
    plant.say("e", "normal")
    plant.turn()
    assert plant.retained("drsn/v1/e/alarm")["state"] == "normal"


def test_an_alarm_that_nobody_has_seen_is_not_forgotten(plant: Plant):
    plant.say("a", "ball")
    plant.turn()
    reply = command(plant, "forget")
    assert not reply["ok"]
    assert "ball is not acknowledged" in reply["reason"]
    assert plant.retained(ALARM)["condition"] == "ball"
    seen = plant.retained(ALARM)["event_id"]
    assert command(plant, "ack", condition="ball", event_id=seen)["ok"]
    assert command(plant, "forget")["ok"], "a machine that was taken away never becomes healthy"


@pytest.mark.promise(
    "`forget` empties the retained alarm, frees the sensor's place, and keeps its history; event numbers "
    "continue if the sensor comes back.",
    where="rpc/forget_verb, decision/alarm_engine",
    topic="identity",
)
def test_one_that_comes_back_is_new_but_its_events_go_on(plant: Plant, start):
    """Their ids are made of the numbers: with the same ones again, subscribers would drop them."""
    for label in ("ball", "normal"):
        plant.say("a", label)
    plant.turn()
    command(plant, "forget")
    plant.crash()
    successor = start(plant.broker, **AT_ONCE)
    successor.say("a", "ball", seq=1)
    successor.turn()
    events = successor.heard("drsn/v1/a/event")
    assert [event["seq"] for event in events] == [1, 2, 3]
    assert len({event["event_id"] for event in events}) == 3
    assert successor.retained(ALARM)["condition"] == "ball"


def test_an_emptied_alarm_that_the_broker_did_not_take_is_emptied_on_the_next_connection(plant: Plant):
    plant.control.lose()
    asked = {"request_id": "late", "by": "ana", "sensor": "a"}
    plant.agent.dispatcher.put(message_of(plant, asked))
    plant.turn(2)
    assert ALARM in plant.broker.retained
    plant.control.start()
    plant.turn(2)
    assert ALARM not in plant.broker.retained


def message_of(plant: Plant, asked: dict[str, Any]):
    from drsn.agent.mqtt.message import Message

    return Message("drsn/v1/_agent/tester/cmd/forget", json.dumps(asked).encode(), 1, False, 0.0, 1)


def test_nothing_of_it_is_in_sight_after_a_restart_even_if_the_broker_forgot_to_forget(plant: Plant, start):
    kept = plant.broker.retained[ALARM]
    command(plant, "forget")
    plant.crash()
    plant.broker.retained[ALARM] = kept  # restored from a save of before
    successor = start(plant.broker, **AT_ONCE)
    successor.turn()
    assert ALARM not in successor.broker.retained


def test_its_history_stays_and_what_it_had_begun_does_not(plant: Plant, tmp_path: Path):
    plant.say("a", "ball")
    plant.turn()
    assert command(plant, "ack", condition="ball", event_id=plant.retained(ALARM)["event_id"])["ok"]
    plant.say("a", "ball", windows=0.3)  # no window, so that its cursor waits for the next commit
    plant.turn()
    assert command(plant, "forget")["ok"]
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert db.execute("SELECT seq FROM journal WHERE sensor = 'a'").fetchall() == [(1,), (2,)]
        assert {name for (name,) in db.execute("SELECT sensor FROM cursors")} == {"b", "c", "d"}


def test_nothing_more_is_expected_of_it(plant: Plant, monkeypatch: pytest.MonkeyPatch):
    """Neither its silence nor the end of a shelving raises an alarm of a machine that is gone."""
    plant.clock.ahead_s += 1.0
    plant.turn()
    plant.say("a", "ball")
    plant.say("b", "normal")  # now both have a period
    plant.turn()
    assert command(plant, "ack", condition="ball", event_id=plant.retained(ALARM)["event_id"])["ok"]
    assert command(plant, "shelve", condition="ball", duration_s=60)["ok"]
    assert command(plant, "forget")["ok"]
    monkeypatch.setattr("drsn.agent.decision.shelving_timer.shelving_is_over", lambda *_: True)
    for _ in range(20):
        plant.clock.ahead_s += 2.0
        plant.turn(1)
    assert plant.retained("drsn/v1/b/alarm")["condition"] == "silent"
    assert ALARM not in plant.broker.retained
