"""Whatever a command holds or meets, the agent answers it and goes on."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from plant import fails

from drsn.agent.decision.commissioning import Progress
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.rpc.queue import QUEUE_LIMITS, RECEIVE_MAXIMUM, QueueLimit
from drsn.agent.rpc.reply import FAILED, LOST
from drsn.agent.rpc.verbs import Handler
from drsn.agent.storage.journal import FILE
from drsn.model.errors import BadDataError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from plant import Plant

CMD, REPLY = "drsn/v1/_agent/tester/cmd", "drsn/v1/_reply"
AT_ONCE = {"raise_after": "1/1", "clear_after": "1/1"}


@pytest.fixture
def plant(start) -> Plant:
    """Two sensors, one event each."""
    plant = start(StubBroker(), **AT_ONCE)
    plant.turn(1)
    for sensor in ("a", "b"):
        plant.say(sensor, "ball")
    plant.turn()
    return plant


def publish(plant: Plant, verb: str, payload: bytes, qos: int = 1, **mqtt: Any) -> None:  # noqa: ANN401 (of publish)
    plant.broker.publish(f"{CMD}/{verb}", payload, qos, {}, retain=False, **mqtt)


def ask(plant: Plant, verb: str, request_id: str, qos: int = 1, turns: int = 1, **said: object) -> list[dict[str, Any]]:
    """Command; all that was answered under this id so far."""
    said = {"request_id": request_id, "by": "ana", "sensor": "a", **said}
    publish(plant, verb, json.dumps(said).encode(), qos)
    plant.turn(turns)
    return plant.heard(f"{REPLY}/{request_id}")


@pytest.mark.parametrize("seq", [2**63, 10**400])
def test_a_number_that_no_database_holds_is_refused(plant: Plant, seq: int):
    (reply,) = ask(plant, "events", "r1", from_seq=seq)
    assert not reply["ok"]
    assert "from_seq" in reply["reason"]
    assert ask(plant, "events", "r2", from_seq=2**63 - 1)[0]["events"] == []


@pytest.mark.promise(
    "No command ends the agent: an unexpected error is answered `internal error`. A damaged row of the journal "
    "or of the replies is named, or reported as lost.",
    where="rpc/dispatcher",
    topic="alarms",
)
def test_what_nobody_expected_is_answered_counted_and_logged_and_the_next_is_done(plant: Plant, caplog):
    verbs = plant.agent.dispatcher.verbs
    verbs["launch"] = Handler(fails(ZeroDivisionError("of ours")))
    states = dict(plant.agent.pipeline.engine.sensors)
    for request_id in ("r1", "r2"):
        (reply,) = ask(plant, "launch", request_id)
        assert (reply["ok"], reply["reason"]) == (False, FAILED)
    assert plant.agent.pipeline.engine.sensors == states
    assert plant.health().commands_failed == 2
    (said,) = [record for record in caplog.records if "unexpected error" in record.getMessage()]
    assert said.exc_info[0] is ZeroDivisionError, "once a minute, with its traceback"
    del verbs["launch"]
    assert "unknown verb" in ask(plant, "launch", "r1")[-1]["reason"], "such an answer is not kept"
    assert ask(plant, "shelve", "r3", duration_s=60)[0]["ok"]


@pytest.mark.parametrize("error", [MemoryError(), StorageError("gone"), BadDataError("known"), KeyboardInterrupt()])
def test_what_the_agent_knows_or_can_not_go_on_from_ends_it_as_ever(plant: Plant, error: BaseException):
    plant.agent.dispatcher.verbs["launch"] = Handler(fails(error))
    with pytest.raises(type(error)):
        ask(plant, "launch", "r1")


def test_what_is_half_done_ends_the_agent_and_the_next_start_knows_nothing_of_it(plant: Plant, start, monkeypatch):
    """In memory the sensor is shelved, and no event says so."""
    monkeypatch.setattr(plant.agent.pipeline.engine, "_outcome", fails(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        ask(plant, "shelve", "r1", duration_s=60)
    plant.crash()
    successor = start(plant.broker, **AT_ONCE)
    successor.turn()
    assert successor.retained("drsn/v1/a/alarm")["suppressed_by"] is None
    assert ask(successor, "shelve", "r2", duration_s=60)[0]["ok"]


def test_an_id_that_is_under_way_is_no_other_command_s(plant: Plant, monkeypatch, caplog):
    """Though the store has forgotten it: a thousand other answers were kept since."""
    plant.say("a", "normal", windows=2)
    plant.say("b", "normal", windows=2)
    plant.turn()
    monkeypatch.setattr(plant.journal, "reply", lambda _: None)
    assert ask(plant, "commission", "x")[0]["pending"] == "0 of 60 s"
    assert ask(plant, "commission", "x")[1]["pending"] == "in progress", "the same again"
    for verb, sensor in (("commission", "b"), ("shelve", "a")):
        reply = ask(plant, verb, "x", sensor=sensor, duration_s=60)[-1]
        assert (reply["ok"], reply["reason"]) == (
            False, "request_id: a commission with this id is in progress; use another id",
        )  # fmt: skip
    assert "not commissioned" in ask(plant, "commission", "u2", sensor="b", undo=True)[0]["reason"]
    assert ask(plant, "commission", "u1", undo=True, turns=3)[0]["ok"]
    assert plant.heard(f"{REPLY}/x")[-1]["reason"] == "ended by ana"
    late = [[Progress(name, "b") for name in "xyz"], []]
    plant.agent.dispatcher.context.pending.sources.append(lambda: late.pop(0) if late else [])
    plant.turn()
    assert caplog.text.count("no command waits for this progress") == 3


def test_a_damaged_event_is_left_out_and_named(start, tmp_path: Path, caplog):
    plant = start(StubBroker(), **AT_ONCE)
    plant.turn(1)
    for label in ("ball", "normal", "ball"):
        plant.say("a", label)
        plant.turn()
    plant.crash()
    with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        db.execute("""UPDATE journal SET event = '{"x":1}' WHERE seq = 2""")
    second = start(plant.broker, **AT_ONCE)
    second.turn()
    for request_id in ("r1", "r2"):
        (reply,) = ask(second, "events", request_id)
        assert (reply["ok"], [event["seq"] for event in reply["events"]], reply["unreadable"]) == (True, [1, 3], [2])
    assert caplog.text.count("events of the journal are damaged") == 1
    assert ask(second, "events", "r3", from_seq=3)[0]["unreadable"] == []


def test_a_damaged_answer_is_said_to_be_lost_and_the_command_is_not_done_again(plant: Plant, start, tmp_path: Path):
    assert ask(plant, "shelve", "r1", duration_s=60)[0]["ok"]
    plant.crash()
    with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        db.execute("UPDATE replies SET reply = 'nonsense'")
    second = start(plant.broker, **AT_ONCE)
    second.turn()
    events = len(second.heard("drsn/v1/a/event"))
    reply = ask(second, "shelve", "r1", duration_s=60)[-1]
    assert (reply["ok"], reply["reason"]) == (False, LOST)
    assert second.health().commands_failed == 1
    second.turn()
    assert len(second.heard("drsn/v1/a/event")) == events


@pytest.mark.parametrize(
    "payload", [b'{"request_id":"r1","x":' + b"[" * 8000 + b"]" * 8000 + b"}", b"{", b"y" * 20_000]
)
def test_what_can_not_be_read_is_answered_where_its_sender_wants_it(plant: Plant, payload: bytes, monkeypatch):
    told, publish_ = [], plant.control.publish
    monkeypatch.setattr(plant.control, "publish", lambda *a, **k: [told.append((a, k)), publish_(*a, **k)][1])
    publish(plant, "ack", payload, response_topic=f"{REPLY}/scada/7", correlation=b"c-42")
    plant.turn(1)
    (reply,) = plant.heard(f"{REPLY}/scada/7")
    assert (reply["ok"], reply["request_id"]) == (False, "")
    assert reply["reason"]
    assert [k["correlation"] for (topic, _), k in told if topic == f"{REPLY}/scada/7"] == [b"c-42"]
    for elsewhere in ("", f"{REPLY}/", f"{REPLY}/+", "drsn/v1/a/alarm"):
        before = len(plant.broker.log)
        publish(plant, "ack", payload, response_topic=elsewhere)
        plant.turn(1)
        assert [topic for topic, _ in plant.broker.log[before:] if "_reply" in topic or "/alarm" in topic] == []


def test_many_at_qos_1_are_all_answered_however_many_come_at_qos_0(plant: Plant, caplog):
    free = QUEUE_LIMITS[False].commands
    for number in range(free + 10):
        ask(plant, "events", f"free{number}", qos=0, turns=0)
    for number in range(400):
        ask(plant, "events", f"r{number}", turns=0)
    assert (plant.agent.dispatcher.dropped, len(plant.control.in_flight)) == (10, RECEIVE_MAXIMUM)
    plant.turn(60)
    assert [number for number in range(400) if len(plant.heard(f"{REPLY}/r{number}")) != 1] == []
    assert plant.health().commands_dropped == 10
    assert caplog.text.count("command dropped") == 1


def test_a_broker_that_passes_receive_maximum_is_dropped_from_and_not_cut_off(plant: Plant, monkeypatch):
    monkeypatch.setitem(QUEUE_LIMITS, True, QueueLimit(100, 1 << 20))
    plant.broker.exceeds_receive_maximum = True
    for number in range(400):
        ask(plant, "events", f"r{number}", turns=0)
    assert (plant.agent.dispatcher.dropped, plant.control.epoch) == (300, 1)
    plant.turn(15)
    assert [len(plant.heard(f"{REPLY}/r{number}")) for number in (0, 99, 100)] == [1, 1, 0]
    plant.broker.exceeds_receive_maximum = False
    assert len(ask(plant, "events", "later")) == 1, "what was dropped is not under way for ever"


def test_a_command_that_was_not_acknowledged_is_not_for_the_next_connection(plant: Plant):
    ask(plant, "events", "r1", turns=0)
    plant.control.lose()
    ask(plant, "events", "r2", turns=0)
    plant.control.start()
    plant.turn()
    assert [len(plant.heard(f"{REPLY}/{name}")) for name in ("r1", "r2")] == [1, 0]
