"""A subscriber as docs/mqtt.md asks for: a lasting session, events once by their number, holes filled by asking."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from chaos.oracle import Change
from chaos.signals import FAULT
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX, AGENT = "drsn/v1", "tester"
COUNTED = ("processed", "shed", "rejected", "duplicate", "stale", "in_flight")


def unix_ms(iso: str) -> int:
    """Of `2026-01-01T00:00:00.000Z`."""
    whole, milliseconds = iso.rstrip("Z").split(".")
    return int(time.mktime((*time.strptime(whole, "%Y-%m-%dT%H:%M:%S")[:8], 0)) - time.timezone) * 1000 + int(
        milliseconds
    )


class Subscriber:
    """Hears what the agent says, and finds fault with it.

    Args:
        port: of the broker.
    """

    def __init__(self, port: int) -> None:
        self.events: dict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(dict)
        """(epoch, sensor) -> seq -> event; epochs in the order in which they were heard."""
        self.again = self.repaired = self.healths = 0
        """Events that came more than once; that were asked for; health documents."""
        self.complaints: list[str] = []
        self.health: dict[str, Any] = {}
        self.status: dict[str, Any] = {}
        self.alarms: dict[str, dict[str, Any]] = {}
        self._replies: dict[str, dict[str, Any]] = {}
        self._asked = 0
        self._subscribed = threading.Event()
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="oracle", protocol=MQTTProtocolVersion.MQTTv5)
        client.on_connect, client.on_message = self._connected, self._heard
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.reconnect_delay_set(1, 1)
        lasting = Properties(PacketTypes.CONNECT)
        lasting.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", port, clean_start=False, properties=lasting)
        client.loop_start()
        self._client = client
        assert self._subscribed.wait(10), "the broker does not answer to SUBSCRIBE"

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def changes(self, sensor: str) -> list[Change]:
        """A sensor's events as the oracle sees them."""
        told = [events[seq] for (_, name), events in self.events.items() if name == sensor for seq in sorted(events)]
        return [Change(event["active"], unix_ms(event["since"])) for event in told]

    def holes(self) -> list[tuple[str, int]]:
        """Sensor and the first `seq` that is missing, of those with a hole."""
        gaps = []
        for (_, sensor), events in self.events.items():
            missing = set(range(1, max(events) + 1)) - set(events)
            gaps += [(sensor, min(missing))] if missing else []
        return gaps

    def repair(self, poll: Callable[..., Any]) -> None:
        """Ask the agent for what is missing."""
        for sensor, first in self.holes():
            from_seq, more = first, True
            while more:
                reply = self.ask("events", poll, sensor=sensor, from_seq=from_seq)
                assert reply["ok"], reply
                for event in reply["events"]:
                    self.repaired += event["seq"] not in self.events[event["epoch"], sensor]
                    self._note(event)
                    from_seq = event["seq"] + 1
                more = reply["more"]

    def ask(self, verb: str, poll: Callable[..., Any], **more: object) -> dict[str, Any]:
        """Command something, and wait for the answer."""
        self._asked += 1
        request_id = f"oracle-{id(self)}-{self._asked}"
        payload = json.dumps({"request_id": request_id, "by": "oracle", **more})
        self._client.publish(f"{PREFIX}/_agent/{AGENT}/cmd/{verb}", payload, qos=1)
        return poll(lambda: self._replies.get(request_id), 30, f"an answer to {verb}")

    def _connected(self, client: paho.Client, *_: object) -> None:
        client.subscribe([(f"{PREFIX}/+/event", 1), (f"{PREFIX}/+/alarm", 1), (f"{PREFIX}/_agent/{AGENT}/+", 1),
                          (f"{PREFIX}/_reply/+", 1)])  # fmt: skip

    def _heard(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        if not message.payload:
            return
        document = json.loads(message.payload)
        *_, place, kind = message.topic.split("/")
        if kind == "event":
            self._note(document)
        elif kind == "alarm":
            self.alarms[place] = document
        elif kind == "health":
            self._weigh(document)
        elif kind == "status":
            self.status = document
        elif place == "_reply":
            self._replies[kind] = document

    def _note(self, event: dict[str, Any]) -> None:
        known = self.events[event["epoch"], event["sensor"]]
        if event["condition"] != FAULT:
            self.complaints.append(f"an event that no packet made: {event}")
        if known.setdefault(event["seq"], event) is not event:
            self.again += 1
            if known[event["seq"]] != event:
                self.complaints.append(f"two events of one number: {known[event['seq']]} and {event}")

    def _weigh(self, health: dict[str, Any]) -> None:
        self.health, self.healths = health, self.healths + 1
        packets = health["packets"]
        if packets["received"] != sum(packets[name] for name in COUNTED):
            self.complaints.append(f"packets that are nowhere: {packets}")
