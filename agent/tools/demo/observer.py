"""A subscriber that collects the agent's documents from the broker."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message

Document = dict[str, Any]


@dataclass
class Observer:
    """The last document of each kind, by sensor. The MQTT thread fills it, the view reads it."""

    prefix: str
    results: dict[str, Document] = field(default_factory=dict)
    alarms: dict[str, Document] = field(default_factory=dict)
    events: list[Document] = field(default_factory=list)
    health: Document = field(default_factory=dict)
    status: Document = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def filters(self) -> tuple[str, ...]:
        """Topic filters that it needs."""
        kinds = ("+/result", "+/alarm", "+/event", "_agent/+/health", "_agent/+/status")
        return tuple(f"{self.prefix}/{kind}" for kind in kinds)

    def note(self, message: Message) -> None:
        """Store one document, and acknowledge its message."""
        kind = message.topic.rpartition("/")[2]
        document = json.loads(message.payload)
        with self.lock:
            if kind == "health":
                self.health = document
            elif kind == "status":
                self.status = document
            elif kind == "event":
                if document["event_id"] not in {event["event_id"] for event in self.events}:
                    self.events.append(document)
            else:
                (self.results if kind == "result" else self.alarms)[document["sensor"]] = document
        message.ack()
