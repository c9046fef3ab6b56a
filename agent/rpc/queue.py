"""Commands that wait for the loop: bounded in number and bytes, those of QoS 0 apart from those of QoS 1."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message

RECEIVE_MAXIMUM: Final = 64
"""Commands of QoS 1 that a broker of MQTT 5 is to have under way; each is acknowledged when it is done. 3.1.1
has no such word; there mosquitto has 20 under way."""


class QueueLimit(NamedTuple):
    """What may wait."""

    commands: int
    size_bytes: int


QUEUE_LIMITS: Final = {False: QueueLimit(64, 4 << 20), True: QueueLimit(RECEIVE_MAXIMUM + 1000, 16 << 20)}
"""At QoS 0, and at QoS 1: mosquitto 2.0.11 sends its whole queue (1,000, if `max_queued_messages` does not say more) as
soon as one that is under way is acknowledged: 6,248 of 9,000 were under way where 32 were asked for. 64 commands of the
greatest length, each with topic, response topic and correlation data of 65,535 bytes, are 14 MB."""


class CommandQueue:
    """First in, first out; filled by the network's thread, emptied by the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: deque[Message] = deque()
        self._held = {False: QueueLimit(0, 0), True: QueueLimit(0, 0)}

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message) -> bool:
        """Add a command; False: there is no room for it."""
        with self._lock:
            held, room = self._held[message.qos > 0], QUEUE_LIMITS[message.qos > 0]
            if held.commands >= room.commands or held.size_bytes + _size_bytes(message) > room.size_bytes:
                return False
            self._messages.append(message)
            self._count(message, 1)
            return True

    def take(self) -> Message | None:
        """The oldest; None: nothing waits."""
        with self._lock:
            if not self._messages:
                return None
            message = self._messages.popleft()
            self._count(message, -1)
            return message

    def _count(self, message: Message, sign: int) -> None:
        held = self._held[message.qos > 0]
        size_bytes = held.size_bytes + sign * _size_bytes(message)
        self._held[message.qos > 0] = QueueLimit(held.commands + sign, size_bytes)


def _size_bytes(message: Message) -> int:
    """As far as a stranger decides it; user properties are bounded elsewhere."""
    texts = len(message.topic) + len(message.response_topic)
    return len(message.payload) + len(message.correlation) + texts
