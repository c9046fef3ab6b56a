"""The bounded queue between the network's thread and the main thread."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.mqtt.message import Message


@dataclass(frozen=True, slots=True)
class Counts:
    """Of messages, all at one moment."""

    received: int
    shed: int
    waiting: int


class Inbox:
    """Holds at most `capacity` messages.

    When it is full, a QoS 0 message is shed and counted: the oldest of the topic that has most of them here, so that a
    sensor which floods costs the others nothing. With nothing to shed, the network's thread waits for room: the broker
    then keeps what it has not delivered, and TCP carries the pressure back.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.received = 0
        self.shed = 0
        self._messages: deque[Message] = deque()
        self._free: Counter[str] = Counter()  # topic -> its QoS 0 messages in here
        self._closed = False
        self._recalled = -1
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._messages)

    def counts(self) -> Counts:
        """What came in, what was shed, what waits."""
        with self._changed:
            return Counts(self.received, self.shed, len(self._messages))

    def recall(self, taken: Sequence[Message], epoch: int) -> int:
        """The connections up to `epoch` are cut: what they brought of QoS 1 comes again, and is received then.

        What is in here of it leaves, for it would overtake what was `taken`. Of that, QoS 0 never comes again, and is
        counted as shed; how many.
        """
        with self._changed:
            staying = deque(message for message in self._messages if not message.qos or message.epoch > epoch)
            lost = sum(not message.qos for message in taken)
            self.received -= len(self._messages) - len(staying) + len(taken) - lost
            self.shed += lost
            self._messages, self._recalled = staying, epoch
            self._changed.notify_all()
            return lost

    def put(self, message: Message) -> None:
        """Add a message; called by the network's thread."""
        with self._changed:
            while len(self._messages) >= self.capacity and not self._closed and not self._shed_one():
                self._changed.wait()
            if self._closed or (message.qos and message.epoch <= self._recalled):
                return  # never taken, never acknowledged: the broker keeps a QoS 1 message, and sends it again
            self.received += 1
            self._messages.append(message)
            if message.qos == 0:
                self._free[message.topic] += 1
            self._changed.notify_all()

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """Up to `limit` messages, oldest first; waits for the first one no longer than `timeout_s`."""
        with self._changed:
            if not self._messages and not self._closed:
                self._changed.wait(timeout_s)
            taken = [self._messages.popleft() for _ in range(min(limit, len(self._messages)))]
            for message in taken:
                self._leaves(message)
            if taken:
                self._changed.notify_all()
            return taken

    def wake(self) -> None:
        """Let a waiting `take` return."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Take nothing more; what is inside can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _shed_one(self) -> bool:
        if not self._free:
            return False
        topic = max(self._free, key=self._free.__getitem__)
        index = next(n for n, message in enumerate(self._messages) if message.qos == 0 and message.topic == topic)
        self._leaves(self._messages[index])
        del self._messages[index]
        self.shed += 1
        return True

    def _leaves(self, message: Message) -> None:
        if message.qos == 0:
            self._free[message.topic] -= 1
            if not self._free[message.topic]:
                del self._free[message.topic]
