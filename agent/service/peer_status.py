"""Status documents of this agent.id that come from the broker: our own, an earlier run's, or another agent's."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message

MAX_STATUS_BYTES = 131_072
"""A larger status or health document is not read; ours have 1 to 2 kB, and the summary of alarms, which comes on the
same connection, has no more than this. A broker of MQTT 5 does not send it; with 3.1.1
it is cut off, cannot be parsed, and counts as no status."""

MAX_WAITING = 64
"""Documents that wait to be read; more are dropped: an agent that is there publishes again."""

ONLINE = ("online", "degraded")
"""States of an agent that works."""

ENDED = ("offline", "stopped")
"""States of an agent that has ended."""


@dataclass(frozen=True)
class PeerStatus:
    """The fields that tell two agents apart; all None for a health document, or for anything that is no status."""

    state: str | None = None
    epoch: str | None = None
    instance: str | None = None
    since: str | None = None

    @classmethod
    def of(cls, message: Message) -> PeerStatus:
        """The status in a message; never raises."""
        try:
            document = json.loads(message.payload)
            found = [document.get(name) for name in cls.__dataclass_fields__]
        except (ValueError, AttributeError, RecursionError):
            return cls()
        return cls(*(text if isinstance(text, str) else None for text in found))


class StatusInbox:
    """Messages of the probe connection, from the network's thread to the loop.

    Args:
        on_change: called when there is something to read; it wakes the loop.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._on_change = on_change
        self._waiting: deque[Message] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, message: Message) -> None:
        """Add a message; called by the network's thread."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(message)
        message.ack()
        self._on_change()

    def take(self) -> Message:
        """Remove and return the oldest message.

        Raises:
            IndexError: there is none.
        """
        return self._waiting.popleft()
