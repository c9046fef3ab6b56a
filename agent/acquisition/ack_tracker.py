"""Packets in flight: each is acknowledged in order of arrival, after its windows are committed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.acquisition.codecs import PacketError, Reason
    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.mqtt.message import Message


@dataclass(slots=True)
class InFlight:
    """A packet between its arrival and its acknowledgement."""

    message: Message
    opened_s: float = 0.0
    """Monotonic time at which its handling began."""
    windows: int = 0
    """Windows that it completed and that are not committed yet."""
    read: bool = False
    """All of its samples are in their rings."""
    cursors: dict[str, Cursor] = field(default_factory=dict)
    """Sensor -> how far its stream is read once this packet is done."""
    refused: Reason | None = None
    duplicate: bool = False
    stale: bool = False
    """It is too old to be diagnosed."""
    other_shard: bool = False
    """Another agent has its sensor."""
    partly_refused: list[PacketError] = field(default_factory=list)
    """Of the inputs that read its topic: the errors of those that could not, where another one could."""

    @property
    def done(self) -> bool:
        """True if it can be acknowledged: it is read, and all of its windows are committed."""
        return self.read and not self.windows


class AckTracker:
    """The packets in flight, in order of arrival."""

    def __init__(self) -> None:
        self._open: deque[InFlight] = deque()
        self.unacknowledged = 0
        """Packets in flight for which the broker waits for an acknowledgement (QoS 1)."""

    def __len__(self) -> int:
        """Packets in flight."""
        return len(self._open)

    @property
    def any_done(self) -> bool:
        """True if the oldest packet is done."""
        return bool(self._open) and self._open[0].done

    def open(self, message: Message, now_s: float = 0.0) -> InFlight:
        """Track a packet from now on; `now_s` is monotonic."""
        return self.open_all([message], now_s)[0]

    def open_all(self, messages: Iterable[Message], now_s: float) -> list[InFlight]:
        """The same for packets in order of receipt."""
        opened = [InFlight(message, now_s) for message in messages]
        self._open += opened
        self.unacknowledged += sum([packet.message.qos > 0 for packet in opened])
        return opened

    def overdue(self, now_s: float, limit_s: float) -> bool:
        """True if the oldest packet was opened more than `limit_s` ago."""
        return bool(self._open) and now_s - self._open[0].opened_s > limit_s

    def give_up(self) -> list[Message]:
        """Remove all packets and return their messages; the broker sends those of QoS 1 again on a new connection."""
        messages = [in_flight.message for in_flight in self._open]
        self._open.clear()
        self.unacknowledged = 0
        return messages

    def settle(self) -> list[InFlight]:
        """Remove and return the oldest packets, up to the first one that is not done."""
        settled, waiting = [], self._open
        while waiting and (in_flight := waiting[0]).read and not in_flight.windows:
            settled.append(waiting.popleft())
        self.unacknowledged -= sum([packet.message.qos > 0 for packet in settled])
        return settled
