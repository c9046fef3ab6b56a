"""MQTT 5 properties, with limits: those of CONNECT, those of a publish, those of a received message."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt import properties as paho_properties
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import MAX_REPLY_CHARS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from paho.mqtt.client import MQTTMessage

    from drsn.agent.mqtt.connection_options import ConnectionOptions, ReceiveLimits

SESSION_EXPIRY_S: Final = 7 * 86_400

MAX_PROPERTIES: Final = 32
"""User properties that are read from one message. The agent's own senders use three."""
MAX_PROPERTY_CHARS: Final = 256
"""Characters of one user property, name and value. An inbox full of messages with longer ones would need 4 GB."""

_read_utf8 = paho_properties.readUTF


def _read_utf8_with_bom(buffer: bytes, limit: int) -> tuple[str, int]:
    """Accept U+FEFF, which MQTT 5 allows (1.5.4). paho refuses it and ends the connection.

    The broker would then deliver the message again on every new connection: one such message would stop all ingest.
    """
    try:
        return _read_utf8(buffer, limit)  # type: ignore[no-any-return,no-untyped-call]
    except paho_properties.MalformedPacket:  # type: ignore[attr-defined]  # its home moved between paho 2.1 and 2.2
        length = int.from_bytes(buffer[:2], "big")
        if length + 2 > min(limit, len(buffer)):
            raise
        return buffer[2 : length + 2].decode("utf-8", "replace"), length + 2


paho_properties.readUTF = _read_utf8_with_bom


def connect_properties(options: ConnectionOptions) -> Properties:
    """Properties of CONNECT: session expiry, Receive Maximum, Maximum Packet Size; each only where it is set."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    if options.keeps_session:
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
    if options.receive_maximum is not None:
        properties.ReceiveMaximum = options.receive_maximum
    if options.limits.packet_bytes is not None:
        properties.MaximumPacketSize = options.limits.packet_bytes
    return properties


def publish_properties(values: Mapping[str, str] | None, correlation: bytes) -> Properties | None:
    """User properties and correlation data of a publish; None: there are none."""
    if not (values or correlation):
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if values:
        properties.UserProperty = list(values.items())
    if correlation:
        properties.CorrelationData = correlation
    return properties


def message_of(
    received: MQTTMessage, limits: ReceiveLimits, acknowledge: Callable[[Sequence[int]], None] | None, epoch: int
) -> Message:
    """Convert a message that paho has parsed; a topic or payload over its limit is cut to one more than the limit.

    So the receiver can still see that it is too long. A topic that is not UTF-8 becomes empty.
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
        epoch=epoch,
        packet_id=received.mid,
        acknowledge=acknowledge,
    )


def user_properties(received: Any) -> dict[str, str]:  # noqa: ANN401 (paho types it loosely; None with 3.1.1)
    """User properties of a message, within the limits; the last value of a name wins."""
    return bounded(getattr(received, "UserProperty", ()))


def bounded(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """User properties within the limits; the last value of a name wins."""
    return {name: value for name, value in pairs[:MAX_PROPERTIES] if len(name) + len(value) <= MAX_PROPERTY_CHARS}
