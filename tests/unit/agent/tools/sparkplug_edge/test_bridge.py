"""The bridge on connections that a test turns by hand."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from drsn.agent.mqtt.message import Confirmation, Message
from drsn.agent.tools.live.event_sequence import Stream
from drsn.agent.tools.live.live_state import LiveState, Update
from drsn.agent.tools.live.subscriber import Lost
from drsn.agent.tools.sparkplug_edge.bridge import MAX_CONNECTS, Bridge
from drsn.agent.tools.sparkplug_edge.edge_node import SparkplugNode
from drsn.agent.tools.sparkplug_edge.edge_sessions import options_of
from drsn.agent.tools.sparkplug_edge.host_state import PrimaryHost
from drsn.agent.tools.sparkplug_edge.payload import DataType, Metric, encoded
from drsn.agent.tools.sparkplug_edge.topics import EdgeTopics
from drsn.model.errors import UnavailableError

TOPICS = EdgeTopics("g", "n")
ONLINE, OFFLINE = b'{"online": true, "timestamp": 1}', b'{"online": false, "timestamp": 1}'
EVENT = {"agent": "line4", "state": "active_unacked", "condition": "ball", "event_id": "e-7", "active": True,
         "severity": "major", "since": "2026-01-01T00:00:00Z", "label": "ball"}  # fmt: skip
ALARM = {**EVENT, "epoch": "e1", "sensor": "press4", "seq": 7, "conditions": [EVENT]}


@dataclass
class Line:
    """The connection of the edge node."""

    connected: bool = True
    epoch: int = 1
    taken_over: bool = False
    refuses: bool = False
    cuts: int = 0
    sent: list[str] = field(default_factory=list)
    confirmations: deque = field(default_factory=deque)
    options = options_of(TOPICS)

    def publish(self, topic: str, _payload: bytes, *, qos: int) -> int | None:
        assert qos == ("NDEATH" in topic)
        if self.refuses or not self.connected:
            return None
        self.sent.append(topic.removeprefix("spBv1.0/g/"))
        return 1

    def reconnect(self) -> None:
        self.cuts += 1


class Sessions:
    """What opened the connection; its number is the bdSeq."""

    left = 0

    def bd_seq(self, epoch: int) -> int:
        return epoch

    def leave(self) -> None:
        self.left += 1


@dataclass
class Agents:
    """The connection to the agents."""

    state: LiveState = field(default_factory=lambda: LiveState("drsn/v1"))
    connected: bool = True
    waiting: list[Update] = field(default_factory=list)
    commands: list[tuple[str, str, dict]] = field(default_factory=list)
    reason: str | None = None
    lost: list[Lost] = field(default_factory=list)

    def updates(self, _timeout_s: float) -> list[Update]:
        found, self.waiting = self.waiting, []
        return found

    def command(self, agent: str, verb: str, fields: dict, on_reply: Any) -> None:  # noqa: ANN401 (as the bridge gives it)
        self.commands.append((agent, verb, fields))
        on_reply(self.reason, None)

    def publish(self, topic: str, document: dict) -> None:
        message = Message(f"drsn/v1/{topic}", json.dumps(document).encode(), 1, True, 0.0, 0)
        self.waiting += self.state.take(message)


class Scene:
    """A bridge between the two, whose clock a test sets."""

    def __init__(self, host: PrimaryHost | None = None) -> None:
        self.line, self.agents, self.sessions = Line(), Agents(), Sessions()
        self.bridge = Bridge(TOPICS, SparkplugNode(TOPICS, "1"), self.agents, host)
        self.time_s = 100.0
        self.agents.publish("_agent/line4/status", {"state": "online"})
        self.agents.publish("press4/alarm", ALARM)

    def turn(self, count: int = 1) -> list[str]:
        """Turn; return what went out."""
        before = len(self.line.sent)
        for _ in range(count):
            self.time_s += 1
            self.bridge.turn(self.line, self.sessions, self.time_s)
        return self.line.sent[before:]

    def arrive(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        self.bridge.inbox.put(Message(topic, payload, 1, retained, 0.0, 0, epoch=self.line.epoch))

    def command(self, topic: str, *metrics: Metric, retained: bool = False) -> None:
        self.arrive(f"spBv1.0/g/{topic}", encoded(metrics, 1, None), retained=retained)


def metric(name: str, value: object) -> Metric:
    kind = DataType.BOOLEAN if isinstance(value, bool) else DataType.STRING
    return Metric(name, kind, value, 1)


REBIRTH = metric("Node Control/Rebirth", value=True)


def test_machines_are_born_when_the_retained_documents_have_come():
    scene = Scene()
    assert scene.turn() == ["NBIRTH/n"]
    assert scene.turn() == ["DBIRTH/n/press4"]
    assert scene.turn() == []


def test_a_new_connection_has_new_births_and_a_lost_one_of_the_agents_is_a_death():
    scene = Scene()
    scene.turn(2)
    scene.line.connected = False
    assert scene.turn() == []
    scene.line.connected, scene.line.epoch = True, 2
    assert scene.turn() == ["NBIRTH/n", "DBIRTH/n/press4"]
    scene.agents.connected = False
    assert scene.turn() == ["DDEATH/n/press4"]
    scene.agents.connected = True
    assert scene.turn(2) == ["DBIRTH/n/press4"]


def test_a_rebirth_is_asked_for_by_a_command_that_is_not_retained():
    scene = Scene()
    scene.turn(2)
    scene.command("NCMD/n", REBIRTH)
    assert scene.turn() == ["NBIRTH/n", "DBIRTH/n/press4"]
    scene.command("NCMD/n", REBIRTH, retained=True)
    scene.command("NCMD/n", metric("Node Control/Reboot", value=True))
    scene.command("NCMD/other", REBIRTH)
    scene.arrive("spBv1.0/g/NCMD/n", b"\xff")
    assert scene.turn() == []


@pytest.mark.parametrize("reason", [None, "this is already the state"])
def test_a_command_goes_to_the_agent_and_its_answer_back(reason: str | None):
    scene = Scene()
    scene.agents.reason = reason
    scene.turn(2)
    scene.command("DCMD/n/press4", metric("Ack", "e-7"))
    assert scene.turn() == ["DDATA/n/press4"]
    fields = {"sensor": "press4", "condition": "ball", "event_id": "e-7"}
    assert scene.agents.commands == [("line4", "ack", fields)]
    scene.command("DCMD/n/press4", metric("Ack", "e-6"), metric("Other", "x"))
    scene.command("DCMD/n/unknown", metric("Ack", "e-7"))
    assert scene.turn() == ["DDATA/n/press4"]
    assert len(scene.agents.commands) == 1


def test_it_waits_for_the_state_of_its_host_on_each_connection(caplog):
    host = PrimaryHost("scada")
    scene = Scene(host)
    assert scene.turn(3) == []
    scene.arrive(host.topic, ONLINE, retained=True)
    assert scene.turn() == ["NBIRTH/n", "DBIRTH/n/press4"]
    scene.arrive(host.topic, OFFLINE)
    assert scene.turn(2) == ["NDEATH/n"]
    assert scene.sessions.left == 1
    scene.agents.waiting.append(Update("event", {**EVENT, "sensor": "press4"}))
    scene.arrive(host.topic, ONLINE)
    assert scene.turn() == [], "this connection has ended"
    scene.line.epoch = 2
    assert scene.turn(2) == [], "the state of the last connection does not count"
    scene.arrive(host.topic, ONLINE, retained=True)
    assert scene.turn() == ["NBIRTH/n", "DBIRTH/n/press4", "DDATA/n/press4"]
    assert "primary host is offline" in caplog.text


def test_a_message_that_cannot_be_sent_ends_the_connection():
    scene = Scene()
    scene.line.refuses = True
    assert scene.turn(3) == []
    assert scene.line.cuts == 1
    scene.line.refuses, scene.line.epoch = False, 2
    assert scene.turn() == ["NBIRTH/n", "DBIRTH/n/press4"]


def test_events_that_come_late_are_historical_ones():
    scene = Scene()
    scene.turn(2)
    scene.agents.waiting.append(Update("missed", {**EVENT, "sensor": "press4"}))
    scene.agents.waiting.append(Update("missed", {"sensor": "press4"}))
    scene.agents.waiting.append(Update("agent", {"agent": "line4", "state": "online"}))
    assert scene.turn() == ["DDATA/n/press4"]


def test_lost_events_and_bad_documents_are_reported(caplog):
    scene = Scene()
    scene.turn(2)
    scene.agents.lost.append(Lost(Stream("line4", "e1", "press4"), 3, "not in the agent's journal"))
    scene.agents.publish("press4/alarm", {**ALARM, "state": 5})
    scene.agents.publish("press5/alarm", {"agent": 5})
    assert scene.turn() == ["DDEATH/n/press4"]
    assert scene.turn(3) == []
    assert caplog.messages.count("document of an agent is not valid") == 2, "once a minute"
    assert "events of an agent were missed and are lost" in caplog.messages
    scene.agents.publish("press4/alarm", ALARM)
    assert scene.turn() == ["DBIRTH/n/press4"]


def test_a_clean_end_publishes_the_death():
    scene = Scene()
    scene.turn(2)
    scene.line.confirmations.append(Confirmation(1, 1, None))
    scene.bridge.stop(scene.line, scene.sessions)
    assert scene.line.sent[-1] == "NDEATH/n"


def test_two_bridges_with_the_same_ids_end_one():
    text = "group g, node n; stop it, or give it another --node"
    scene = Scene()
    scene.line.taken_over = True
    with pytest.raises(UnavailableError, match=text):
        scene.turn()
    scene = Scene()  # a broker that does not give the reason
    for scene.line.epoch in range(1, MAX_CONNECTS):
        scene.turn()
    scene.line.epoch += 1
    with pytest.raises(UnavailableError, match=text):
        scene.turn()
