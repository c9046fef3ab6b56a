"""Options of one connection to the broker. The real connection and the stub take the same record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from drsn.agent.mqtt.topics import MAX_TOPIC_CHARS, max_chars

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Will

MAX_PACKET_BYTES: Final = 16 << 20
"""Default of the Maximum Packet Size, in bytes. The connection accepts at least this, and twice the longest allowed
payload, so that the agent can count a packet as too large. Without a Maximum Packet Size, paho would assemble packets
of up to 256 MB before anyone can reject them."""

MAX_UNACKED_FACTOR: Final = 4
"""Limit of unacknowledged messages, as a multiple of Receive Maximum. A connection that keeps its session and passes it
is cut. mosquitto 2.0.11 exceeds Receive Maximum after a reconnect, and MQTT 3.1.1 has no Receive Maximum."""


@dataclass(frozen=True, slots=True)
class ReceiveLimits:
    """Sizes that one connection accepts. A longer payload or topic is cut to one more than its limit."""

    packet_bytes: int | None
    """Maximum Packet Size, sent to an MQTT 5 broker; MQTT 3.1.1 has no such field. None: not sent, so that a broker of
    MQTT 3.1.1 that ignores the protocol version (amqtt) can still parse CONNECT and refuse it."""
    payload_bytes: int
    topic_chars: int


@dataclass(frozen=True)
class ConnectionOptions:
    """Options of one connection to the broker."""

    name: str
    """Name for log lines and for the thread."""
    client_id: str
    """MQTT client id; unique at the broker."""
    filters: tuple[str, ...] = ()
    """Topic filters to subscribe to, with QoS 1, at each connect."""
    abandoned: tuple[str, ...] = ()
    """Filters of an earlier configuration, which a kept session may still hold. Each connect unsubscribes them."""
    receive_maximum: int | None = None
    """Largest number of unacknowledged QoS 1 messages; None: the broker's default."""
    persistent: bool = True
    """Keep the session after a disconnect, so that the broker delivers unacknowledged messages again. Needs
    `receive_maximum`, else it has no effect."""
    max_payload_bytes: int | None = None
    """Longest payload. A longer one is cut to one byte more, which bounds memory. None: `MAX_PACKET_BYTES`."""
    max_packet_bytes: int | None = None
    """Largest packet that an MQTT 5 broker may send. None: see `limits`."""
    will: Will | None = None
    """Last will, QoS 1."""

    @property
    def keeps_session(self) -> bool:
        """Whether the session survives a disconnect."""
        return self.persistent and self.receive_maximum is not None

    @property
    def max_unacked(self) -> int:
        """Number of unacknowledged messages past which a connection with a persistent session is cut."""
        return MAX_UNACKED_FACTOR * (self.receive_maximum or 0)

    @cached_property
    def limits(self) -> ReceiveLimits:
        """Size limits.

        `max_packet_bytes` wins. Else, with `max_payload_bytes`, a packet may have `MAX_PACKET_BYTES` or twice the
        payload, whichever is more. With neither, no Maximum Packet Size is sent.
        """
        payload_bytes, packet_bytes = self.max_payload_bytes, self.max_packet_bytes
        if payload_bytes is None:
            payload_bytes = MAX_PACKET_BYTES
        elif packet_bytes is None:
            packet_bytes = max(MAX_PACKET_BYTES, 2 * payload_bytes)
        return ReceiveLimits(packet_bytes, payload_bytes, max(map(max_chars, self.filters), default=MAX_TOPIC_CHARS))
