"""The bounded queue of messages between the network's thread and the main thread."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.mqtt.message import Message


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of messages, all taken at one moment."""

    received: int
    shed: int
    waiting: int


class Inbox:
    """Holds at most `capacity` messages.

    When it is full, it drops a QoS 0 message and counts it as shed: the oldest one of the topic with most of them here,
    so that a sensor that floods takes nothing from the others. Without a QoS 0 message the network's thread waits for
    room. TCP's flow control then makes the broker keep what it has not delivered.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.received = 0
        self.shed = 0
        self._messages: deque[Message] = deque()
        self._qos0: dict[str, int] = {}  # topic -> its QoS 0 messages in here
        self._closed = False
        self._discarded_epoch = -1  # QoS 1 messages of connections up to this one are not accepted
        self._woken = False
        self._changed = threading.Condition()
        self._waiting = 0  # threads that wait for a change

    def __len__(self) -> int:
        return len(self._messages)

    def counts(self) -> Counts:
        """Messages that were received, were shed, and wait."""
        with self._changed:
            return Counts(self.received, self.shed, len(self._messages))

    def discard_redeliverable(self, taken: Sequence[Message], epoch: int) -> int:
        """Discard what the broker will send again, because the connections up to `epoch` are cut.

        Those are their QoS 1 messages. They are counted as received when they come again. The ones in here are removed,
        for they would overtake those in `taken`. A QoS 0 message in `taken` does not come again: it counts as shed.

        Args:
            taken: messages that were taken from the inbox and are given up.
            epoch: number of the last connection that is cut.

        Returns:
            How many of `taken` are shed.
        """
        with self._changed:
            staying = deque(message for message in self._messages if not message.qos or message.epoch > epoch)
            lost = sum(not message.qos for message in taken)
            self.received -= len(self._messages) - len(staying) + len(taken) - lost
            self.shed += lost
            self._messages, self._discarded_epoch = staying, epoch
            self._notify()
            return lost

    def put(self, message: Message) -> None:
        """Add a message; called by the network's thread."""
        with self._changed:
            while len(self._messages) >= self.capacity and not self._closed and not self._shed_one():
                self._wait()
            if self._closed or (message.qos and message.epoch <= self._discarded_epoch):
                return  # without an acknowledgement the broker keeps a QoS 1 message, and sends it again
            self.received += 1
            self._messages.append(message)
            if message.qos == 0:
                self._qos0[message.topic] = self._qos0.get(message.topic, 0) + 1
            self._notify()

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """Remove and return up to `limit` messages, oldest first; wait up to `timeout_s` for the first one."""
        with self._changed:
            if not self._messages and not self._closed and not self._woken:
                self._wait(timeout_s)
            self._woken = False
            if limit >= len(self._messages):
                taken = list(self._messages)
                self._messages.clear()
                self._qos0.clear()
            else:
                taken = [self._messages.popleft() for _ in range(limit)]
                if self._qos0:
                    for message in taken:
                        self._uncount(message)
            if taken:
                self._notify()
            return taken

    def wake(self) -> None:
        """Make a waiting `take` return, or else the next one, without a wait."""
        with self._changed:
            self._woken = True
            self._notify()

    def notify(self) -> None:
        """Make a waiting `take` return; nothing if none waits. For what happens often and every turn looks at."""
        with self._changed:
            self._notify()

    def close(self) -> None:
        """Accept no more messages; those in here can still be taken."""
        with self._changed:
            self._closed = True
            self._notify()

    def _wait(self, timeout_s: float | None = None) -> None:
        self._waiting += 1
        try:
            self._changed.wait(timeout_s)
        finally:
            self._waiting -= 1

    def _notify(self) -> None:
        if self._waiting:  # rarely: the main thread takes many messages at once
            self._changed.notify_all()

    def _shed_one(self) -> bool:
        if not self._qos0:
            return False
        topic = max(self._qos0, key=self._qos0.__getitem__)
        index = next(n for n, message in enumerate(self._messages) if message.qos == 0 and message.topic == topic)
        self._uncount(self._messages[index])
        del self._messages[index]
        self.shed += 1
        return True

    def _uncount(self, message: Message) -> None:
        if message.qos == 0:
            self._qos0[message.topic] -= 1
            if not self._qos0[message.topic]:
                del self._qos0[message.topic]
