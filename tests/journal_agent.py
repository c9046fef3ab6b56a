"""An agent of a test: it publishes what the test asks for, and answers commands from its journal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.schema.documents import ReplyDocument

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message

SHA = "0" * 64
EVENT = {
    "v": 1, "agent": "line4", "epoch": "e1", "sensor": "press4", "condition": "ball", "label": "ball_007", "of": 8,
    "state": "active_unacked", "active": True, "acked": False, "severity": "major", "votes": 6, "confidence": 0.97,
    "since": "2026-01-01T00:00:00.000Z", "decided_at": "2026-01-01T00:00:00.000Z", "clock_synced": True,
    "window_label": "ball_007", "bundle": {"name": "x", "version": "1", "sha256": SHA},
}  # fmt: skip


def event(seq: int) -> dict[str, Any]:
    return {**EVENT, "seq": seq, "event_id": f"e-{seq}"}


def alarm(seq: int) -> bytes:
    return json.dumps({**event(seq), "conditions": [event(seq)]}).encode()


class Journal:
    """An agent that publishes what a test asks for, and answers `events` from its journal."""

    def __init__(self, port: int) -> None:
        self.seq = 7
        self.kept = set(range(1, 100))
        self.commands: list[tuple[str, dict[str, Any]]] = []
        """Verb and payload of each command but `events`."""
        self.connection = Connection(
            BrokerAddress("127.0.0.1", port),
            ConnectionOptions(name="agent", client_id="agent", filters=("drsn/v1/_agent/line4/cmd/+",)),
            on_message=self._answer,
        )

    def _answer(self, message: Message) -> None:
        message.ack()
        command, verb = json.loads(message.payload), message.topic.rpartition("/")[2]
        if verb != "events":
            self.commands.append((verb, command))
            reply = ReplyDocument(agent="line4", request_id=command["request_id"], verb=verb, ok=True, at="now")
            self.connection.publish(f"drsn/v1/_reply/{command['request_id']}", reply.model_dump_json().encode(), qos=1)
            return
        events = tuple(event(seq) for seq in range(command["from_seq"], self.seq + 1) if seq in self.kept)[:2]
        last = events[-1]["seq"] if events else self.seq
        reply = ReplyDocument(
            agent="line4", request_id=command["request_id"], verb="events", ok=True, at="now", events=events,
            more=last < self.seq, sensor=command["sensor"],
        )  # fmt: skip
        topic = message.response_topic or f"drsn/v1/_reply/{command['request_id']}"
        self.connection.publish(topic, reply.model_dump_json().encode(), qos=1)

    def state(self) -> None:
        """Publish status and alarm, as at each connect."""
        self.connection.publish("drsn/v1/_agent/line4/status", b'{"state": "online"}', qos=1, retain=True)
        self.connection.publish("drsn/v1/press4/alarm", alarm(self.seq), qos=1, retain=True)

    def raise_(self, *, publish: bool = True) -> None:
        """Make one more event."""
        self.seq += 1
        if publish:
            self.connection.publish("drsn/v1/press4/event", json.dumps(event(self.seq)).encode(), qos=1)
