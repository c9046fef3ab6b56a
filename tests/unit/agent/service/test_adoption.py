"""An agent whose state directory is lost takes over the alarms that it left at the broker."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from plant import lose

from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.mqtt.topics import Topics
from drsn.agent.service.alarm_topics import READ_S, AlarmTopics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plant import Plant

AT_ONCE = {"raise_after": "1/1", "clear_after": "1/1"}
ALARM = "drsn/v1/a/alarm"
SUMMARY = "drsn/v1/_agent/tester/alarms"
STATUS = "drsn/v1/_agent/tester/status"
IDS = itertools.count()


def command(plant: Plant, verb: str, **more: object) -> dict[str, Any]:
    asked = {"request_id": f"a{next(IDS)}", "by": "ana", "sensor": "a", **more}
    plant.broker.publish(f"drsn/v1/_agent/tester/cmd/{verb}", json.dumps(asked).encode(), 1, {}, retain=False)
    plant.turn(3)
    (reply,) = plant.heard(f"drsn/v1/_reply/{asked['request_id']}")
    return reply


@pytest.fixture
def restarted(start: Callable[..., Plant], tmp_path: Path) -> Callable[..., Plant]:
    """`restarted(broker, lost=True)`: an agent that has read what the broker retains, with or without its state."""

    def begin(broker: StubBroker, *, lost: bool = True, **alarms: str) -> Plant:
        if lost:
            lose(tmp_path)
        plant = start(broker, **(alarms or AT_ONCE))
        plant.agent.connections.probe.start()
        plant.agent.lease.preparation.adopt()
        plant.turn()
        return plant

    return begin


@pytest.fixture
def broker(start: Callable[..., Plant]) -> StubBroker:
    """An agent has left two alarms, one of them normal, and one of them acknowledged."""
    broker = StubBroker()
    plant = start(broker, **AT_ONCE)
    plant.say("a", "inner_race")
    plant.say("b", "normal")
    plant.turn()
    standing = plant.retained(ALARM)
    assert command(plant, "ack", condition="inner_race", event_id=standing["event_id"])["ok"]
    plant.crash()
    return broker


def test_its_alarms_stand_with_their_acknowledgement_under_the_new_epoch_and_are_not_watched(
    broker: StubBroker, restarted: Callable[..., Plant], caplog: pytest.LogCaptureFixture
):
    before = json.loads(broker.retained[ALARM])
    plant = restarted(broker)
    after, normal = plant.retained(ALARM), plant.retained("drsn/v1/b/alarm")
    assert after["epoch"] != before["epoch"]
    same = ("condition", "label", "state", "severity", "since", "confidence", "acked_by")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert (after["state"], after["not_watched"]["reason"]) == ("active_acked", "epoch")
    assert (normal["state"], normal["not_watched"]["reason"]) == ("not_watched", "epoch")
    assert normal["epoch"] == after["epoch"] == plant.retained(STATUS)["epoch"]
    assert (normal["conditions"], len(after["conditions"])) == ([], 1), "what is not there is not out of service"
    event = plant.heard("drsn/v1/a/event")[-1]
    assert (event["seq"], event["event_id"]) == (1, after["event_id"])
    assert event["comment"] == f"from the retained alarm of epoch {before['epoch']}"
    assert "alarms of an earlier state directory were restored" in caplog.text


def test_they_are_ended_by_packets_or_by_commands(broker: StubBroker, restarted: Callable[..., Plant]):
    plant = restarted(broker)
    plant.say("a", "normal", seq=50)
    plant.turn()
    plant.clock.ahead_s += 2
    plant.turn()
    document = plant.retained(ALARM)
    assert (document["state"], document["not_watched"]) == ("normal", None)
    assert command(plant, "forget", sensor="b")["ok"]
    assert "drsn/v1/b/alarm" not in broker.retained
    plant.crash()
    again = restarted(broker, lost=False)
    assert set(again.agent.pipeline.engine.sensors) == {"a"}, "and that is remembered"


def test_an_unacknowledged_one_can_be_acknowledged_and_forgotten(
    start: Callable[..., Plant], restarted: Callable[..., Plant]
):
    broker = StubBroker()
    first = start(broker, **AT_ONCE)
    first.say("a", "inner_race")
    first.turn()
    first.crash()
    plant = restarted(broker)
    assert "acknowledge it first" in command(plant, "forget")["reason"]
    assert command(plant, "ack", condition="inner_race", event_id=plant.retained(ALARM)["event_id"])["ok"]
    assert command(plant, "forget")["ok"]
    assert ALARM not in broker.retained


def test_what_is_in_the_journal_is_not_taken_from_the_broker(broker: StubBroker, restarted: Callable[..., Plant]):
    document = json.loads(broker.retained[ALARM])
    broker.retained[ALARM] = json.dumps(document | {"conditions": []}, separators=(",", ":")).encode()
    plant = restarted(broker, lost=False)
    assert plant.retained(ALARM)["state"] == "active_acked"
    assert len(plant.heard("drsn/v1/a/event")) == 2, "no event is made again"


def test_what_can_not_be_taken_over_is_left_named_and_may_be_forgotten(
    broker: StubBroker, restarted: Callable[..., Plant]
):
    document = json.loads(broker.retained["drsn/v1/b/alarm"])

    def left(sensor: str, **more: object) -> None:
        payload = json.dumps(document | {"sensor": sensor} | more, separators=(",", ":")).encode()
        broker.retained[f"drsn/v1/{sensor}/alarm"] = payload

    left("c", state="strange")
    for sensor in "de":  # with them the places are all taken
        left(sensor)
    left("f")
    left("other", agent="line5")
    broker.retained["drsn/v1/aa/alarm"] = json.dumps(document, separators=(",", ":")).encode()  # of sensor b
    plant = restarted(broker)
    assert set(plant.agent.pipeline.engine.sensors) == {"a", "b", "d", "e"}
    (warning,) = [each for each in plant.retained(STATUS)["warnings"] if "have this agent's id" in each]
    assert "3 retained alarms" in warning
    assert "(aa, c, f: it belongs to sensor 'b')" in warning
    for sensor in ("aa", "c", "f"):
        assert command(plant, "forget", sensor=sensor)["ok"]
    assert "no sensor 'other'" in command(plant, "forget", sensor="other")["reason"]
    left_now = {f"drsn/v1/{name}/alarm" for name in ("aa", "c", "f", "other")} & set(broker.retained)
    assert left_now == {"drsn/v1/other/alarm"}
    assert not any("have this agent's id" in each for each in plant.retained(STATUS)["warnings"])


def prepared(plant: Plant) -> None:
    """As the lease does it, turn after turn."""
    plant.agent.connections.probe.start()
    preparation, at_s = plant.agent.lease.preparation, 100.0
    while not preparation.complete(at_s):
        at_s += 0.1
    preparation.adopt()
    plant.turn()


def test_where_wildcards_get_no_retained_messages_the_summary_names_the_sensors(
    start: Callable[..., Plant], tmp_path: Path
):
    broker = StubBroker()
    broker.retained_by_wildcard = False
    first = start(broker, **AT_ONCE)
    for sensor, label in {"a": "inner_race", "b": "normal", "c": "ball"}.items():
        first.say(sensor, label)
    first.turn()
    first.crash()
    assert [each["sensor"] for each in json.loads(broker.retained[SUMMARY])["alarms"]] == ["a", "c"]
    lose(tmp_path)
    second = start(broker, **AT_ONCE)
    prepared(second)
    assert set(second.agent.pipeline.engine.sensors) == {"a", "c"}, "a normal one is in no summary"
    assert second.retained(ALARM)["condition"] == "inner_race"
    assert second.retained(ALARM)["not_watched"]["reason"] == "epoch"


def test_a_summary_of_another_agent_or_with_illegal_names_reads_nothing():
    alarms = AlarmTopics(Topics("p", "x"), lambda _: None, quiet_s=0.5)
    asked: list[str] = []
    alarms.read_for({"known"}, asked.extend)
    named = [{"sensor": "known"}, {"sensor": "a"}, {"sensor": "a/b"}, {"sensor": "#"}, {"sensor": 5}, {"sensor": "a"}]
    summary = {"v": 1, "agent": "x", "alarms": named, "not_watched": [{"source": "plant/+/x"}, {"source": "d"}]}

    def put(document: object, *, retained: bool = True) -> None:
        alarms.put(Message("p/_agent/x/alarms", json.dumps(document).encode(), 1, retained, 0.0, 0))

    for bad in ([summary], summary | {"agent": "y"}, summary | {"alarms": 5}, 5):
        put(bad)
        assert alarms.complete(100.0), "nothing is waited for"
    put(summary, retained=False)
    assert (alarms.complete(100.0), asked) == (True, [])
    put(summary)
    assert [alarms.complete(at) for at in (100.0, 100.4, 100.6)] == [False, False, True]
    assert asked == ["p/a/alarm", "p/d/alarm"]


def message(sensor: str, payload: bytes, *, retained: bool = True) -> Message:
    return Message(f"p/{sensor}/alarm", payload, 1, retained, 0.0, 0)


def test_the_reading_ends_with_a_pause_and_at_the_latest_after_five_seconds():
    alarms = AlarmTopics(Topics("p", "x"), lambda _: None, quiet_s=0.5)
    assert alarms.complete(100.0), "nothing has come: there is no further wait"
    for tenth in range(49):
        alarms.put(message("a", b"{}"))
        assert not alarms.complete(100.0 + tenth / 10)
    assert alarms.complete(100.0 + READ_S), "whatever still comes"
    alarms = AlarmTopics(Topics("p", "x"), lambda _: None, quiet_s=0.5)
    alarms.put(message("a", b"{}"))
    assert [alarms.complete(at) for at in (0.0, 0.4, 0.6)] == [False, False, True]


def test_only_retained_documents_that_bear_the_agent_s_id_are_read():
    alarms = AlarmTopics(Topics("p", "x"), lambda _: None, quiet_s=0.5)
    alarms.read_for({"known"}, lambda _topics: None)
    ours = b'{"v":1,"agent":"x"}'
    for sensor, payload in (("known", ours), ("a", ours), ("b", b'{"agent":"y"}'), ("_doctor", ours), ("c", ours)):
        alarms.put(message(sensor, payload))
    alarms.put(message("c", b""))
    alarms.put(message("d", ours, retained=False))
    assert alarms.begin() == {"a": ours}
    alarms.put(message("e", ours))
    assert alarms.own == {}
