"""What a broker does with retained messages and with dots, and whether it lets the agent read alarms: by trial.

The trial publishes below `<prefix>/_agent/<id>/doctor`, where it deletes the one message that it retains, and one alarm
of the sensor `_doctor`, which is not retained.
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.tools.doctor.broker_session import logged_in
from drsn.agent.tools.doctor.probe_messages import NAME, probes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.topics import Topics

WAIT_S: Final = 1.0
"""For a message that a broker sends at once or never."""

ALARM_WAIT_S: Final = 2.0
"""For an alarm that the broker may send after all retained alarms; mosquitto sends 10,000 in a second."""

DOTTED: Final = "a.b"


@dataclass(frozen=True)
class BrokerTraits:
    """What the trial has shown; None: nothing came back, so that the account may not read its own topic."""

    retained: Literal["by wildcard", "by topic", "not kept"] | None = None
    """Which subscriptions get a retained message."""
    dots_kept: bool | None = None
    """Whether a topic arrives with its dots; else they are slashes."""
    alarms_read: bool | None = None
    """Whether an alarm that the account published comes back; None: it may not publish one."""


def examined_traits(broker: BrokerAddress, topics: Topics) -> BrokerTraits:
    """Publish, subscribe, compare; takes up to six seconds after the logins."""
    found = _examined_retention(broker, topics)
    return replace(found, alarms_read=_reads_alarms(broker, topics))


def _examined_retention(broker: BrokerAddress, topics: Topics) -> BrokerTraits:
    with _line(broker, topics, f"{topics.doctor}/#") as (connection, received):
        if connection is None:
            return BrokerTraits()
        word = json.dumps({"v": 1, "agent": topics.agent, "trial": uuid.uuid4().hex}).encode()
        dotted = _sent(connection, received, f"{topics.doctor}/{DOTTED}", word, retain=False)
        if dotted is None:
            return BrokerTraits()
        kept = dotted.endswith(f"/{DOTTED}")
        try:
            _sent(connection, received, topics.doctor, word, retain=True)
            return BrokerTraits(_retained(broker, topics, word), kept)
        finally:
            mid = connection.publish(topics.doctor, b"", qos=1, retain=True)
            _until(lambda: mid in [each.mid for each in connection.confirmations])


def _reads_alarms(broker: BrokerAddress, topics: Topics) -> bool | None:
    """Only a message proves the permission: mosquitto's acl_file accepts the subscription and then sends nothing."""
    topic = topics.alarm(NAME)
    with _line(broker, topics, topics.alarms) as (connection, received):
        mid = None if connection is None else connection.publish(topic, probes(topics)[topic], qos=1)
        if connection is None or mid is None:
            return None

        def refused() -> bool:
            return any(each.mid == mid and each.refused is not None for each in tuple(connection.confirmations))

        def came() -> bool:
            return any(each.topic == topic for each in received)

        _until(lambda: came() or refused(), ALARM_WAIT_S)
        return None if refused() else came()


def _retained(broker: BrokerAddress, topics: Topics, word: bytes) -> Literal["by wildcard", "by topic", "not kept"]:
    if _found(broker, topics, f"{topics.prefix}/_agent/+/doctor", word):
        return "by wildcard"
    return "by topic" if _found(broker, topics, topics.doctor, word) else "not kept"


def _found(broker: BrokerAddress, topics: Topics, topic_filter: str, word: bytes) -> bool:
    with _line(broker, topics, topic_filter) as (_connection, received):
        return _until(lambda: any(each.payload == word for each in received))


def _sent(connection: Connection, received: list[Message], topic: str, word: bytes, *, retain: bool) -> str | None:
    """Publish, and return the topic by which the message comes back; None: it does not."""
    received.clear()
    connection.confirmations.clear()
    connection.publish(topic, word, qos=1, retain=retain)
    _until(lambda: any(each.payload == word for each in received))
    return next((each.topic for each in received if each.payload == word), None)


@contextmanager
def _line(
    broker: BrokerAddress, topics: Topics, topic_filter: str
) -> Iterator[tuple[Connection | None, list[Message]]]:
    """A connection with one subscription, and what it receives; None: the broker does not accept it."""
    received: list[Message] = []
    options = ConnectionOptions(
        name="doctor",
        client_id=f"drsn-{topics.agent}-doctor-{uuid.uuid4().hex[:8]}",
        filters=(topic_filter,),
        max_payload_bytes=1024,
    )

    def receive(message: Message) -> None:
        received.append(message)
        message.ack()  # else the broker stops after some tens of them

    connection = Connection(broker, options, on_message=receive)
    connection.start()
    try:
        yield (connection if logged_in(connection) else None), received
    finally:
        connection.stop()


def _until(condition: Callable[[], bool], wait_s: float = WAIT_S) -> bool:
    deadline_s = time.monotonic() + wait_s
    while time.monotonic() < deadline_s and not condition():
        time.sleep(0.02)
    return condition()
