"""Values that a transport exchanges with its users: received messages, confirmations of publishes, the last will."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _no_ack() -> None:
    """QoS 0 has no acknowledgement."""


@dataclass(frozen=True, slots=True)
class Message:
    """One received MQTT message; nothing has parsed its payload yet.

    `ack` belongs to the connection of the message. After that connection has ended, it has no effect, and the broker
    delivers the message again.
    """

    topic: str
    payload: bytes
    qos: int
    retained: bool
    received_s: float
    """Time of receipt, monotonic clock."""
    received_unix_ns: int
    properties: Mapping[str, str] = field(default_factory=dict)
    """MQTT 5 user properties; the last value of a name wins."""
    response_topic: str = ""
    """MQTT 5: topic where the sender wants its answer. Untrusted."""
    correlation: bytes = b""
    """MQTT 5: data that the answer repeats."""
    ack: Callable[[], None] = _no_ack
    epoch: int = 0
    """Number of the connection on which it came."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The broker's answer to a publish."""

    epoch: int
    """Number of the connection on which it was published."""
    mid: int
    """Packet id, as `publish` returned it."""
    refused: str | None
    """The broker's reason; None: the broker has the message."""


@dataclass(frozen=True, slots=True)
class Will:
    """Last will: the broker publishes it when the connection breaks; retained, QoS 1."""

    topic: str
    payload: bytes
