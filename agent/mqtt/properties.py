"""Properties of MQTT 5, bounded: what a connection asks the broker for, what a message carries. Of `mqtt` only."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paho.mqtt import properties as paho_properties
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import MAX_REPLY_CHARS, MAX_TOPIC_CHARS, max_chars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paho.mqtt.client import MQTTMessage

SESSION_EXPIRY_S = 7 * 86_400

MAX_PACKET_BYTES = 16 << 20
"""At least this, and twice the longest payload wanted, is taken in, to be counted as too large. Larger ones a broker of
MQTT 5 keeps to itself; without a Maximum Packet Size 256 MB would be assembled here before anybody looks."""

MAX_PROPERTIES, MAX_PROPERTY_CHARS = 32, 256
"""User properties that are looked at: ours are three short ones, and an inbox full of long ones would be 4 GB."""


@dataclass(frozen=True, slots=True)
class ConnectLimits:
    """What one connection takes in: of a longer packet nothing, of a longer payload or topic so much that it shows."""

    packet_bytes: int | None
    """Of a whole packet. Said to a broker of MQTT 5; there is no word for it in 3.1.1. None: nothing is said, and so a
    broker of 3.1.1 that does not look at the version first (amqtt) still understands CONNECT, and refuses it."""
    payload_bytes: int
    topic_chars: int

    @classmethod
    def of(cls, filters: tuple[str, ...], payload_bytes: int | None, packet_bytes: int | None) -> ConnectLimits:
        """As wanted; else packets of `MAX_PACKET_BYTES`, or of twice the payload, and payloads of as much."""
        if payload_bytes is None:
            payload_bytes = MAX_PACKET_BYTES
        elif packet_bytes is None:
            packet_bytes = max(MAX_PACKET_BYTES, 2 * payload_bytes)
        return cls(packet_bytes, payload_bytes, max(map(max_chars, filters), default=MAX_TOPIC_CHARS))


_read_utf8 = paho_properties.readUTF


def _read_utf8_with_bom(buffer: bytes, limit: int) -> tuple[str, int]:
    """Paho refuses U+FEFF, which MQTT 5 allows (1.5.4), by ending the connection.

    The broker would deliver the message again on the next one: one stranger's user property would end all ingest.
    """
    try:
        return _read_utf8(buffer, limit)  # type: ignore[no-any-return,no-untyped-call]
    except paho_properties.MalformedPacket:  # type: ignore[attr-defined]  # its home moved between paho 2.1 and 2.2
        length = int.from_bytes(buffer[:2], "big")
        if length + 2 > min(limit, len(buffer)):
            raise
        return buffer[2 : length + 2].decode("utf-8", "replace"), length + 2


paho_properties.readUTF = _read_utf8_with_bom


def of_connect(receive_maximum: int | None, limits: ConnectLimits, *, persistent: bool) -> Properties:
    """A session that outlives the connection if it is `persistent`; no packet that is far too large."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    if persistent:
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
    if receive_maximum is not None:
        properties.ReceiveMaximum = receive_maximum
    if limits.packet_bytes is not None:
        properties.MaximumPacketSize = limits.packet_bytes
    return properties


def of_publish(values: Mapping[str, str] | None, correlation: bytes) -> Properties | None:
    """User properties and correlation data; None: there are none."""
    if not (values or correlation):
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if values:
        properties.UserProperty = list(values.items())
    if correlation:
        properties.CorrelationData = correlation
    return properties


def message_of(received: MQTTMessage, limits: ConnectLimits, ack: Callable[[], None], epoch: int) -> Message:
    """A message as it is handed over; what is too long is cut to one more than the limit, and so still is too long.

    A topic that is no text is none.
    """
    try:
        topic = received.topic[: limits.topic_chars + 1]
    except UnicodeDecodeError:
        topic = ""
    return Message(
        topic=topic,
        payload=bytes(received.payload[: limits.payload_bytes + 1]),
        qos=received.qos,
        retained=bool(received.retain),
        received_s=time.monotonic(),
        received_unix_ns=time.time_ns(),
        properties=user_properties(received.properties),
        response_topic=getattr(received.properties, "ResponseTopic", "")[: MAX_REPLY_CHARS + 1],
        correlation=getattr(received.properties, "CorrelationData", b""),
        ack=ack,
        epoch=epoch,
    )


def user_properties(received: Any) -> dict[str, str]:  # noqa: ANN401 (paho types it loosely; None with 3.1.1)
    """Of a message, as far as they are looked at; the last of a name wins."""
    pairs = getattr(received, "UserProperty", ())[:MAX_PROPERTIES]
    return {name: value for name, value in pairs if len(name) + len(value) <= MAX_PROPERTY_CHARS}
