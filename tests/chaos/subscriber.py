"""A subscriber by docs/reference/mqtt.md: a lasting session, events once by their number, holes filled by asking."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from chaos.lasting_client import lasting_client
from chaos.oracle import Change
from chaos.signals import FAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import paho.mqtt.client as paho

PREFIX, AGENT = "drsn/v1", "tester"
COUNTED = ("processed", "shed", "rejected", "duplicate", "stale", "other_shard", "in_flight")


def unix_ms(iso: str) -> int:
    """Of `2026-01-01T00:00:00.000Z`."""
    whole, milliseconds = iso.rstrip("Z").split(".")
    return int(time.mktime((*time.strptime(whole, "%Y-%m-%dT%H:%M:%S")[:8], 0)) - time.timezone) * 1000 + int(
        milliseconds
    )


def _adopted(event: dict[str, Any]) -> bool:
    return (event["comment"] or "").startswith("from the retained alarm")


def _changes(events: dict[int, dict[str, Any]]) -> Iterator[dict[str, Any] | None]:
    """Those by which the fault comes and goes, not those by which it is put aside and taken up again; None: a hole."""
    active, suppressed_by = False, None
    for seq in range(1, max(events) + 1):
        event = events.get(seq)
        if event is None or event["active"] != active or event["suppressed_by"] == suppressed_by:
            yield event
        if event is not None:
            active, suppressed_by = event["active"], event["suppressed_by"]


class Subscriber:
    """Hears what the agent says, and finds fault with it.

    Args:
        port: of the broker.
        protocol: of MQTT, "5" or "3.1.1".
    """

    def __init__(self, port: int, protocol: str = "5") -> None:
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
        self._port, self._protocol = port, protocol
        self.come()

    def come(self) -> None:
        """To the broker, which keeps what is told meanwhile when the subscriber has left."""
        self._subscribed.clear()
        client, lasting = lasting_client("oracle", self._protocol)
        client.on_connect, client.on_message = self._connected, self._heard
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", self._port, **lasting)
        client.loop_start()
        self._client = client
        assert self._subscribed.wait(10), "the broker does not answer to SUBSCRIBE"

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def close(self) -> None:
        self.leave()

    def changes(self, sensor: str) -> list[Change | None]:
        """A sensor's events as the oracle sees them; None in a hole."""
        of = [events for (_, name), events in self.events.items() if name == sensor]
        told = [event for events in of for event in _changes(events)]
        return [event and Change(event["active"], unix_ms(event["since"]), _adopted(event)) for event in told]

    def active(self, sensor: str) -> bool:
        """Whether the fault stands, by the sensor's last event of the agent's present epoch."""
        events = self.events.get((self.status["epoch"], sensor))
        return bool(events) and events[max(events)]["active"]

    def holes(self) -> list[tuple[str, int]]:
        """Sensor and the first `seq` that is missing, of those with a hole."""
        last = {key: max(events) for key, events in self.events.items()}
        for sensor, alarm in self.alarms.items():  # it has the last event folded in, which may be what was missed
            key = alarm["epoch"], sensor
            last[key] = max(alarm["seq"], last.get(key, 0))
        missing = {key: set(range(1, seq + 1)) - set(self.events.get(key, ())) for key, seq in last.items()}
        return [(sensor, min(numbers)) for (_, sensor), numbers in missing.items() if numbers]

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
