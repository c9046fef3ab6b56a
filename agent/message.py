"""A message as the transport hands it over, before anybody has looked inside."""

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
    ack: Callable[[], None] = _nothing
