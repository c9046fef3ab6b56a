"""The queue of commands: bounded in number and bytes, separately for QoS 0 and QoS 1."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message

RECEIVE_MAXIMUM: Final = 64
"""Commands of QoS 1 that an MQTT 5 broker may have in flight (Receive Maximum); each is acknowledged when it is done.
MQTT 3.1.1 has no such property; there mosquitto has 20 in flight."""


class QueueLimit(NamedTuple):
    """Largest number and bytes of waiting commands."""

    commands: int
    size_bytes: int


QUEUE_LIMITS: Final = {False: QueueLimit(64, 4 << 20), True: QueueLimit(RECEIVE_MAXIMUM + 1000, 16 << 20)}
"""At QoS 0, and at QoS 1: mosquitto 2.0.11 sends its whole queue (1,000, if `max_queued_messages` does not say more) as
soon as one that is under way is acknowledged: 6,248 of 9,000 were under way where 32 were asked for. 64 commands of the
greatest length, each with topic, response topic and correlation data of 65,535 bytes, are 16 MB."""


class CommandQueue:
    """First in, first out. The network's thread puts, the loop takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: deque[Message] = deque()
        self._held = {False: QueueLimit(0, 0), True: QueueLimit(0, 0)}

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message) -> bool:
        """Add a command; False: the queue is full."""
        with self._lock:
            held, limit = self._held[message.qos > 0], QUEUE_LIMITS[message.qos > 0]
            if held.commands >= limit.commands or held.size_bytes + _size_bytes(message) > limit.size_bytes:
                return False
            self._messages.append(message)
            self._count(message, 1)
            return True

    def take(self) -> Message | None:
        """Take the oldest command; None: the queue is empty."""
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
    """The bytes of all that a sender decides, but user properties, which are bounded elsewhere."""
    texts = len(message.topic) + len(message.response_topic)
    return len(message.payload) + len(message.correlation) + texts
