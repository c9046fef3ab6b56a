"""Transactional outbox: publishes the events of the journal, in order for each sensor, at QoS 1.

The journal's cursor moves only when the broker has confirmed the events.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.delivery.ack_window import AckWindow
from drsn.agent.delivery.deferred_events import DeferredEvents
from drsn.agent.delivery.token_bucket import TokenBucket
from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Confirmation
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.storage.database import Entry
    from drsn.agent.storage.journal import Journal

IN_FLIGHT = 8
"""Unconfirmed events. The publisher has as many unconfirmed alarms; brokers accept both together."""

BURST, PER_S = 50, 100.0
"""Events that go out at once, and rate afterwards: a backlog after an outage must not flood broker and subscribers. If
1,000 sensors change together, their events take ten seconds; their retained alarms go out at once."""

RETRY_AFTER_S = 30.0
"""Wait after a refused publish: the access rules of a broker do not change by themselves."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """Bounds and waits of the outbox."""

    in_flight: int = IN_FLIGHT
    burst: int = BURST
    per_s: float = PER_S
    retry_after_s: float = RETRY_AFTER_S


DEFAULT_LIMITS = OutboxLimits()


class Outbox:
    """Moves events from the journal to the broker. After a refusal the sensor's events wait; those of others go on.

    Args:
        journal: has the events and their cursor.
        connection: the control connection.
        topics: of the events.
        limits: bounds and waits.
    """

    def __init__(
        self, journal: Journal, connection: Transport, topics: Topics, limits: OutboxLimits = DEFAULT_LIMITS
    ) -> None:
        self.refused: str | None = None
        """The broker's reason for refusing an event that it has not accepted since."""
        self._journal, self._connection, self._topics, self._limits = journal, connection, topics, limits
        self._rate = TokenBucket(limits.burst, limits.per_s)
        self._epoch = 0  # of the connection
        self._window = AckWindow(journal.published_id)
        self._read_id = self._window.cursor  # events up to it were read from the journal
        self._in_flight: dict[int, Entry] = {}  # message id -> event
        self._deferred = DeferredEvents()

    def pump(self, now_s: float) -> None:
        """Send what may be sent; never blocks. `now_s` is monotonic."""
        if self._connection.epoch != self._epoch:
            self._epoch = self._connection.epoch
            self._rewind()
        if self._window.advance():
            self._journal.mark_published(self._window.cursor)
        if self._connection.connected:
            self._rate.fill(now_s)
            if self._retry(now_s):
                self._send()

    def note(self, confirmation: Confirmation, now_s: float) -> bool:
        """Note the broker's answer to a publish; False: it is not for an event of this connection."""
        entry = self._in_flight.pop(confirmation.mid, None) if confirmation.epoch == self._epoch else None
        if entry is None:
            return False
        if confirmation.refused is None:
            self._window.confirm(entry.id)
            if not self._deferred:
                self.refused = None
            return True
        if self.refused is None:
            log.error("broker refuses an event; it stays in the journal",
                      extra=fields(sensor=entry.sensor, reason=confirmation.refused))  # fmt: skip
        self.refused = confirmation.refused
        self._deferred.add(entry.id, entry.sensor)
        self._deferred.retry_due_s = min(self._deferred.retry_due_s, now_s + self._limits.retry_after_s)
        return True

    def _rewind(self) -> None:
        """Events in flight on the last connection are not confirmed: they go out again, with the same event ids."""
        self._read_id = self._window.cursor
        self._window.reset()
        self._in_flight.clear()
        self._deferred.clear()

    def _retry(self, now_s: float) -> bool:
        """Send deferred events if it is time; False: the connection accepts no more."""
        if now_s < self._deferred.retry_due_s:
            return True
        for event_id in self._deferred.oldest(self._room):
            self._deferred.remove(event_id)
            found = self._journal.read(event_id - 1, 1)
            if not found or found[0].id != event_id:  # a full journal has deleted it
                self._window.confirm(event_id)
            elif not self._publish(found[0]):
                return False
        self._deferred.retry_due_s = now_s if self._deferred else math.inf
        return True

    def _send(self) -> None:
        """Send the next events of the journal; an event of a sensor with deferred events is deferred too."""
        for entry in self._journal.read(self._read_id, self._room):
            if self._deferred.has(entry.sensor):
                self._deferred.add(entry.id, entry.sensor)
            elif not self._publish(entry):
                return
            self._read_id = entry.id
            self._window.add(entry.id)

    @property
    def _room(self) -> int:
        return max(0, min(self._limits.in_flight - len(self._in_flight), self._rate.available))

    def _publish(self, entry: Entry) -> bool:
        mid = self._connection.publish(self._topics.event(entry.sensor), entry.event, qos=1)
        if mid is not None:
            self._in_flight[mid] = entry
            self._rate.take()
        return mid is not None
