"""Which packets are done: acknowledged in order of receipt, each after the windows that it completed are committed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.acquisition.codecs import Reason
    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.mqtt.message import Message


@dataclass(slots=True)
class InFlight:
    """A packet on its way: the windows that it completed and that are not committed yet."""

    message: Message
    opened_s: float = 0.0
    """Monotonic; when its handling began."""
    windows: int = 0
    read: bool = False
    """All of its samples are in their rings."""
    cursors: dict[str, Cursor] = field(default_factory=dict)
    """Sensor -> how far its stream is read once this packet is done."""
    refused: Reason | None = None
    duplicate: bool = False
    stale: bool = False
    """Too old to be diagnosed."""

    @property
    def done(self) -> bool:
        """Nothing of it is outstanding."""
        return self.read and not self.windows


class AckTracker:
    """The packets in flight, in order of receipt."""

    def __init__(self) -> None:
        self._open: deque[InFlight] = deque()
        self.owed = 0
        """Of them, how many the broker waits for."""

    def __len__(self) -> int:
        return len(self._open)

    @property
    def any_done(self) -> bool:
        """Whether the oldest packet is done."""
        return bool(self._open) and self._open[0].done

    def open(self, message: Message, now_s: float = 0.0) -> InFlight:
        """Begin with a packet."""
        receipt = InFlight(message, now_s)
        self._open.append(receipt)
        self.owed += message.qos > 0
        return receipt

    def overdue(self, now_s: float, limit_s: float) -> bool:
        """Whether the oldest packet has been waiting for longer to be done."""
        return bool(self._open) and now_s - self._open[0].opened_s > limit_s

    def give_up(self) -> list[Message]:
        """Forget all; their messages. The broker sends those of QoS 1 again on its next connection."""
        messages = [receipt.message for receipt in self._open]
        self._open.clear()
        self.owed = 0
        return messages

    def settle(self) -> list[InFlight]:
        """Remove and return the leading packets that are done."""
        settled = []
        while self._open and self._open[0].done:
            settled.append(self._open.popleft())
        self.owed -= sum(receipt.message.qos > 0 for receipt in settled)
        return settled
