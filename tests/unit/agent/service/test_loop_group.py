"""Votes of several batches are one commit; nothing that matters waits for it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from plant import NO_WAITS

from drsn.agent.decision.voting import MAX_WINDOWS
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.storage.journal import FILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from plant import Plant

PATIENT = replace(NO_WAITS, group_s=60.0, lull_s=60.0)


@pytest.fixture
def patient(start: Callable[..., Plant]) -> Callable[..., Plant]:
    """An agent whose commits wait for a minute where they may."""

    def begin(broker: StubBroker) -> Plant:
        return start(broker, waits=PATIENT)

    return begin


def commits(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What every commit from now on writes of the states: sensor -> its state, or its counters alone."""
    seen: list[dict[str, Any]] = []
    commit = plant.journal.commit

    def spy(states: dict[str, Any], cursors: Any, events: Any, replies: Any = (), counters: Any = None) -> None:  # noqa: ANN401 (as commit takes them)
        seen.append({**(counters or {}), **states})
        commit(states, cursors, events, replies, counters)

    monkeypatch.setattr(plant.journal, "commit", spy)
    return seen


def test_votes_wait_for_their_commit_and_their_packets_for_the_acknowledgement(patient, monkeypatch):
    plant = patient(StubBroker())
    seen = commits(plant, monkeypatch)
    for sensor in ("a", "b", "a"):
        plant.say(sensor, "normal")
        plant.turn()
    assert (seen, len(plant.ingest.in_flight)) == ([], 3)
    packets = plant.health().packets
    assert (packets["received"], packets["in_flight"]) == (3, 3), "they are somewhere at every moment"
    plant.clock.ahead_s += 60
    plant.turn()
    assert ([set(states) for states in seen], len(plant.ingest.in_flight)) == ([{"a", "b"}], 0)


@pytest.mark.promise(
    "Votes of several batches are one commit, which waits for a fraction of a second at most. A change of an "
    "alarm is committed at once.",
    where="storage/group_commit",
    topic="packets",
)
def test_a_transition_takes_all_with_it_at_once(patient, monkeypatch):
    plant = patient(StubBroker())
    seen = commits(plant, monkeypatch)
    for label in ("normal", "inner_race", "inner_race"):
        plant.say("a", label)
        plant.say("b", "normal")
        plant.turn()
    assert [set(states) for states in seen] == [{"a", "b"}]
    assert not plant.ingest.in_flight
    assert plant.retained("drsn/v1/a/alarm")["active"]


def test_an_answer_takes_all_with_it_before_it_is_told(patient, monkeypatch, tmp_path):
    """Also one that changes no alarm: who hears it may rely on it, and asks in vain for it twice."""
    plant = patient(StubBroker())
    plant.turn(1)
    for sensor in "ab":
        plant.say(sensor, "normal")
    plant.turn()
    seen = commits(plant, monkeypatch)
    payload = json.dumps({"request_id": "r1", "by": "ana", "sensor": "a"}).encode()
    plant.broker.publish("drsn/v1/_agent/tester/cmd/forget", payload, 1, {}, retain=False)
    plant.turn(1)
    (reply,) = plant.heard("drsn/v1/_reply/r1")
    assert (reply["ok"], [set(states) for states in seen]) == (True, [{"a", "b"}])
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert db.execute("SELECT request_id FROM replies").fetchall() == [("r1",)], "it is on the disk"


def test_every_packet_of_the_careful_time_after_a_crash_commits_at_once(patient, monkeypatch):
    plant = patient(StubBroker())
    plant.agent.poison_guard.probation = 2
    seen = commits(plant, monkeypatch)
    for _ in range(3):
        plant.say("a", "normal")
        plant.turn(1)
    assert [set(states) for states in seen] == [{"a"}, {"a"}], "the third waits for others again"


def test_half_of_what_may_be_in_flight_commits_at_once(patient, monkeypatch):
    plant = patient(StubBroker())
    seen = commits(plant, monkeypatch)
    for _ in range(128):  # Receive Maximum is 256
        plant.say("a", "normal")
    plant.turn(40)
    assert len(seen) == 1
    assert len(plant.ingest.in_flight) < plant.loop.waits.messages_a_turn, "of the last turn, not done yet"


def test_of_a_sensor_at_rest_only_the_cursor_is_written(patient, monkeypatch, tmp_path):
    plant = patient(StubBroker())
    for _ in range(MAX_WINDOWS + 128):
        plant.say("a", "normal")
    plant.turn(80)
    seen = commits(plant, monkeypatch)
    for _ in range(128):
        plant.say("a", "normal")
    plant.turn(40)
    assert seen == [{}]
    assert len(plant.ingest.in_flight) < plant.loop.waits.messages_a_turn
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        ((cursor,),) = db.execute("SELECT cursor FROM cursors")
    assert json.loads(cursor)["seq"] == plant.seq["a"] - len(plant.ingest.in_flight)
    for _ in range(2):
        plant.say("a", "inner_race")
    plant.turn(2)
    assert {"a"} in map(set, seen[1:])


def test_what_waited_when_the_agent_died_comes_again(patient, start):
    plant = patient(broker := StubBroker())
    for _ in range(2):
        plant.say("a", "normal")
        plant.turn()
    plant.crash()
    later = start(broker)
    later.seq = plant.seq
    later.turn()
    assert later.health().packets["processed"] == 2
    assert later.health().packets["duplicate"] == 0


def test_an_ordered_stop_commits_what_waits(patient, monkeypatch):
    plant = patient(StubBroker())
    seen = commits(plant, monkeypatch)
    plant.say("a", "normal")
    plant.turn()
    plant.loop.shutdown.drain()
    assert [set(states) for states in seen if states] == [{"a"}]
    assert not plant.ingest.in_flight


def test_a_stream_of_qos_0_holds_up_no_acknowledgement(start, monkeypatch):
    plant = start(StubBroker(), waits=PATIENT)
    plant.say("a", "normal")
    plant.turn()
    assert len(plant.ingest.in_flight) == 1
    came: list[dict[str, Any]] = []
    monkeypatch.setattr(plant.agent.committer.group, "packet_arrived", lambda _now_s, **told: came.append(told))
    plant.broker.publish("plant/b/frame", b"x", 0, {}, retain=False)
    plant.turn(1)
    plant.say("a", "normal")
    plant.turn(1)
    assert came == [{"qos0_only": True, "unacknowledged": 1}, {"qos0_only": False, "unacknowledged": 1}]


def test_silence_is_told_in_the_turn_that_notices_it(start, monkeypatch):
    """Not when the next packet has come, or half a second later; and no alarm is told before its commit."""
    plant = start(StubBroker())
    plant.say("a", "normal")
    plant.turn()
    seen = commits(plant, monkeypatch)
    engine = plant.agent.pipeline.engine
    slot = engine.sensors.slot("a")
    monkeypatch.setattr(engine._silence, "tick", lambda _now_s, *, connected: [slot] if connected else [])
    plant.turn(1)
    assert [set(states) for states in seen] == [{"a"}]
    assert [event["condition"] for event in plant.heard("drsn/v1/a/event")] == ["silent"]


def test_a_commit_that_was_held_up_is_no_reason_to_connect_anew(patient, monkeypatch):
    plant = patient(StubBroker())
    plant.say("a", "normal")
    plant.turn()
    plant.clock.ahead_s += 61
    epoch = plant.ingest.epoch
    plant.turn(1)
    assert (len(plant.ingest.in_flight), plant.ingest.epoch) == (0, epoch)
    assert plant.agent.pipeline.metrics.reconnects == 0
