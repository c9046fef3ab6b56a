"""Follow the alarms of all agents, so that no event is missed and no old alarm is taken for a valid one.

python follow.py HOST PORT [PREFIX]

One line on stdout for each alarm, event and state of an agent; README.md has the rules.
"""

from __future__ import annotations

import json
import queue
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

WAIT_S = 0.5
"""A missing event may still be on its way; then it is requested."""
ANSWER_S = 5.0
"""After this time without an answer, the request is sent again."""


@dataclass
class Stream:
    """The events of one sensor: `seq` counts them within one `epoch` of one agent."""

    agent: str
    epoch: str
    last: int
    """All events up to this `seq` were processed."""
    newest: int
    """The agent has made the events up to this `seq`."""
    requested: int = 0
    """`newest` at the time of the last request."""
    next_request_s: float = 0.0


class Follower:
    """What the messages of all agents add up to."""

    def __init__(self, client: mqtt.Client, prefix: str) -> None:
        self._client, self._prefix = client, prefix
        self._reply_topic = f"{prefix}/_reply/{uuid.uuid4().hex}"
        self._streams: dict[str, Stream] = {}  # sensor -> its events
        self._alarms: dict[str, dict[str, Any]] = {}  # sensor -> its retained alarm
        self._statuses: dict[str, dict[str, Any]] = {}  # agent -> its retained status

    def subscribe(self, client: mqtt.Client, *_: object) -> None:
        """After each connect: the session is clean, and the broker sends what it retains again."""
        filters = ("+/alarm", "+/event", "_agent/+/status")
        client.subscribe([*((f"{self._prefix}/{each}", 1) for each in filters), (self._reply_topic, 1)])

    def take(self, topic: str, payload: bytes | bytearray) -> None:
        """Process one message."""
        levels = topic.removeprefix(f"{self._prefix}/").split("/")
        document = json.loads(payload or b"{}")
        if topic == self._reply_topic:
            self._reply(document)
        elif levels[-1] == "status":
            self._statuses[levels[1]] = document
            print("agent", levels[1], document.get("state", "removed"))
            for sensor, alarm in self._alarms.items():
                if alarm["agent"] == levels[1]:
                    self._show(sensor)
        elif levels[-1] == "alarm" and not document:  # `forget` has removed the sensor
            self._alarms.pop(levels[0], None)
            self._streams.pop(levels[0], None)
        elif levels[-1] == "alarm":
            self._alarms[levels[0]] = document
            self._stream(document, document["seq"])
            self._show(levels[0])
        elif levels[-1] == "event":
            self._event(document)

    def disconnected(self) -> None:
        """Without a connection, no alarm is known to be valid."""
        if self._statuses:
            print("connection lost")
        self._statuses.clear()

    def request_missing(self, now_s: float) -> None:
        """Request the events that are missing, from the first one on."""
        for sensor, stream in self._streams.items():
            if stream.last >= stream.newest:
                stream.next_request_s = now_s + WAIT_S
            elif now_s >= stream.next_request_s and self._works(stream.agent, stream.epoch):
                stream.requested, stream.next_request_s = stream.newest, now_s + ANSWER_S
                name, first = uuid.uuid4().hex, stream.last + 1
                request = {"request_id": name, "by": "follow", "sensor": sensor, "from_seq": first}
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no types here
                properties.ResponseTopic = self._reply_topic
                topic = f"{self._prefix}/_agent/{stream.agent}/cmd/events"
                self._client.publish(topic, json.dumps(request), qos=1, properties=properties)

    def _stream(self, document: dict[str, Any], last: int) -> Stream:
        """The stream of a document; `last` is its begin if it is new: another agent or epoch begins again."""
        stream = self._streams.get(document["sensor"])
        if stream is None or (stream.agent, stream.epoch) != (document["agent"], document["epoch"]):
            stream = Stream(document["agent"], document["epoch"], last, last)
            self._streams[document["sensor"]] = stream
        stream.newest = max(stream.newest, document["seq"])
        return stream

    def _event(self, event: dict[str, Any]) -> None:
        """Process an event that is the next one; one that came before is a repetition, a later one must wait."""
        stream = self._stream(event, event["seq"] - 1)
        if event["seq"] == stream.last + 1:
            stream.last += 1
            print("event", event["sensor"], event["seq"], event["condition"], event["state"], event["event_id"])

    def _reply(self, reply: dict[str, Any]) -> None:
        if not reply["ok"]:
            print("refused:", reply["reason"], file=sys.stderr)
            return
        stream = self._streams.get(reply["sensor"])
        if stream is None or stream.agent != reply["agent"]:
            return
        events = [event for event in reply["events"] if event["epoch"] == stream.epoch]
        for event in events:
            self._lost(stream, reply["sensor"], event["seq"] - 1)
            self._event(event)
        page_end = max([0, *(event["seq"] for event in events), *reply["unreadable"]])
        self._lost(stream, reply["sensor"], page_end if reply["more"] else stream.requested)
        stream.next_request_s = 0.0  # the next page, if there is one

    def _lost(self, stream: Stream, sensor: str, until: int) -> None:
        """The journal of the agent does not have these events any more."""
        if until > stream.last:
            print("lost", sensor, stream.last + 1, until)
            stream.last = until

    def _show(self, sensor: str) -> None:
        """An alarm is valid only while its agent works, with the same database."""
        alarm = self._alarms[sensor]
        if self._works(alarm["agent"], alarm["epoch"]):
            print("alarm", sensor, alarm["state"], alarm.get("condition") or "-", alarm.get("event_id") or "-")
        else:
            print("alarm", sensor, "not_valid")

    def _works(self, agent: str, epoch: str) -> bool:
        status = self._statuses.get(agent, {})
        return status.get("state") in ("online", "degraded") and status.get("epoch") == epoch


def receive(follower: Follower, message: mqtt.MQTTMessage) -> None:
    """Process a message; any client may publish there."""
    try:
        follower.take(message.topic, message.payload)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        print("not a document of an agent:", message.topic, repr(error), file=sys.stderr)


def main() -> None:
    """Follow for ever."""
    host, port, prefix = (*sys.argv[1:], "drsn/v1")[:3]
    messages: queue.Queue[mqtt.MQTTMessage | None] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    follower = Follower(client, prefix)
    client.on_connect = follower.subscribe
    client.on_message = lambda _client, _userdata, message: messages.put(message)
    client.on_disconnect = lambda *_: messages.put(None)
    client.reconnect_delay_set(1, 30)
    client.connect_async(host, int(port))
    client.loop_start()  # connects again by itself
    while True:
        try:
            message = messages.get(timeout=WAIT_S)
        except queue.Empty:
            pass
        else:
            if message is None:
                follower.disconnected()
            else:
                receive(follower, message)
        follower.request_missing(time.monotonic())
        sys.stdout.flush()


if __name__ == "__main__":
    main()
