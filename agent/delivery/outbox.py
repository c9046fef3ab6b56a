"""Publishes the event journal: each sensor's events in order, at QoS 1; its cursor moves only on the broker's word."""

from __future__ import annotations

import logging
import math
from collections import Counter, deque
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Confirmation
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.storage.database import Entry
    from drsn.agent.storage.journal import Journal

IN_FLIGHT = 8
"""The other publishes under way are the publisher's; together they are what brokers take."""

BURST, PER_S = 50, 100.0
"""Events that go out at once, and in a second from then on: a backlog after an outage must not flood broker and
subscribers. 1,000 sensors that all change are told in ten seconds, their retained alarms at once."""

RETRY_AFTER_S = 30.0
"""After a refused publish: an ACL does not change by itself."""

log = logging.getLogger(__name__)


class Outbox:
    """Moves events from the journal to the broker. A sensor whose event was refused waits; the others go on."""

    def __init__(self, store: Journal, connection: Transport, topics: Topics) -> None:
        self.refused: str | None = None
        """The broker's reason for refusing an event that it has not taken since."""
        self._store = store
        self._connection = connection
        self._topics = topics
        self._epoch = 0
        self._cursor = store.published_id
        self._next = self._cursor
        self._flying: dict[int, Entry] = {}  # message id -> event
        self._order: deque[int] = deque()  # journal ids past the cursor that were looked at
        self._confirmed: set[int] = set()  # of those
        self._deferred: dict[int, str] = {}  # of those: journal id -> sensor that waits for the broker's leave
        self._waiting: Counter[str] = Counter()  # sensor -> events deferred
        self._retry_s = math.inf
        self._leave, self._leave_s = float(BURST), 0.0  # events that may go out, and when that was counted

    def pump(self, now_s: float) -> None:
        """Send what may be sent; never blocks."""
        if self._connection.epoch != self._epoch:
            self._epoch = self._connection.epoch
            self._rewind()
        self._advance()
        if self._connection.connected:
            self._send(now_s)

    def note(self, confirmation: Confirmation, now_s: float) -> bool:
        """The broker's word on a publish; False when it was of something else."""
        entry = self._flying.pop(confirmation.mid, None) if confirmation.epoch == self._epoch else None
        if entry is None:
            return False
        if confirmation.refused is None:
            self._confirmed.add(entry.id)
            if not self._deferred:
                self.refused = None
            return True
        if self.refused is None:
            log.error("broker refuses an event; it stays in the journal",
                      extra=fields(sensor=entry.sensor, reason=confirmation.refused))  # fmt: skip
        self.refused = confirmation.refused
        self._defer(entry)
        self._retry_s = min(self._retry_s, now_s + RETRY_AFTER_S)
        return True

    def _rewind(self) -> None:
        """What was in flight is not confirmed: it goes out again, with the same event ids."""
        self._next = self._cursor
        for kept in (self._flying, self._order, self._confirmed, self._deferred, self._waiting):
            kept.clear()
        self._retry_s = math.inf

    def _advance(self) -> None:
        before = self._cursor
        while self._order and self._order[0] in self._confirmed:
            self._cursor = self._order.popleft()
            self._confirmed.discard(self._cursor)
        if self._cursor != before:
            self._store.mark_published(self._cursor)

    def _send(self, now_s: float) -> None:
        self._leave = min(float(BURST), self._leave + (now_s - self._leave_s) * PER_S)
        self._leave_s = now_s
        if now_s >= self._retry_s:
            for number in sorted(self._deferred)[: self._room]:
                self._waiting[self._deferred.pop(number)] -= 1
                found = self._store.read(number - 1, 1)
                if not found or found[0].id != number:  # a full journal has let it go
                    self._confirmed.add(number)
                elif not self._publish(found[0]):
                    return
            self._retry_s = now_s if self._deferred else math.inf
        for entry in self._store.read(self._next, self._room):
            if self._waiting[entry.sensor]:
                self._defer(entry)
            elif not self._publish(entry):
                return
            self._next = entry.id
            self._order.append(entry.id)

    @property
    def _room(self) -> int:
        return max(0, min(IN_FLIGHT - len(self._flying), int(self._leave)))

    def _publish(self, entry: Entry) -> bool:
        mid = self._connection.publish(self._topics.event(entry.sensor), entry.event, qos=1)
        if mid is not None:
            self._flying[mid] = entry
            self._leave -= 1
        return mid is not None

    def _defer(self, entry: Entry) -> None:
        self._deferred[entry.id] = entry.sensor
        self._waiting[entry.sensor] += 1
