"""Values that a transport exchanges with its users: received messages, confirmations of publishes, the last will."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


@dataclass(slots=True)
class Message:
    """One received MQTT message; nothing has parsed its payload yet.

    Nothing changes a message; it is not declared frozen, because such a one takes ten times as long to make.
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
    epoch: int = 0
    """Number of the connection on which it came."""
    packet_id: int = 0
    acknowledge: Callable[[Sequence[int]], None] | None = None
    """Acknowledges packet ids of the message's connection, in this order; None: nothing waits for it (QoS 0). After the
    connection has ended, it has no effect, and the broker delivers the message again."""

    def ack(self) -> None:
        """Acknowledge this message alone."""
        if self.acknowledge is not None:
            self.acknowledge((self.packet_id,))


def ack_all(messages: Iterable[Message]) -> None:
    """Acknowledge messages in this order, with one call for each connection in a row."""
    waiting = (message for message in messages if message.acknowledge is not None)
    for acknowledge, group in groupby(waiting, key=attrgetter("acknowledge")):
        acknowledge([message.packet_id for message in group])


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
    """Last will: the broker publishes it when the connection breaks; QoS 1."""

    topic: str
    payload: bytes
    retain: bool = True
