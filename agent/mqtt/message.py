"""What a transport hands over: messages nobody has looked into, the broker's word on what was sent, the last will."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _nothing() -> None:
    """QoS 0 is not acknowledged."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message.

    `ack` belongs to the connection that the message came on: called after that connection has ended, it does
    nothing, and the broker delivers the message again.
    """

    topic: str
    payload: bytes
    qos: int
    retained: bool
    received_s: float
    """Monotonic clock."""
    received_unix_ns: int
    properties: Mapping[str, str] = field(default_factory=dict)
    """MQTT 5 user properties; the last of a name wins."""
    response_topic: str = ""
    """MQTT 5: where the sender wants its answer; it is a stranger's word."""
    correlation: bytes = b""
    """MQTT 5: what the sender wants back with its answer."""
    ack: Callable[[], None] = _nothing
    epoch: int = 0
    """Of the connection that it came on."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The broker's answer to a publish."""

    epoch: int
    mid: int
    refused: str | None
    """The broker's reason; None: it has the message."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone; retained, QoS 1."""

    topic: str
    payload: bytes
