"""Publishes the event journal: in order, at QoS 1, and its cursor moves only on the broker's word."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from drsn.agent.logs import fields

if TYPE_CHECKING:
    from drsn.agent.message import Confirmation
    from drsn.agent.ports import Transport
    from drsn.agent.store import Store
    from drsn.agent.topics import Topics

IN_FLIGHT = 16
"""Below the Receive Maximum that brokers set (mosquitto: 20)."""

RETRY_AFTER_S = 30.0
"""After a refused publish: an ACL does not change by itself."""

log = logging.getLogger(__name__)


class Outbox:
    """Moves events from the journal to the broker."""

    def __init__(self, store: Store, connection: Transport, topics: Topics) -> None:
        self.refused: str | None = None
        """The broker's reason for refusing the last event that it refused."""
        self._store = store
        self._connection = connection
        self._topics = topics
        self._epoch = 0
        self._cursor = store.published_id
        self._next = self._cursor
        self._flying: dict[int, int] = {}  # message id -> journal id
        self._order: deque[int] = deque()  # journal ids as sent, none of which the cursor has passed
        self._confirmed: set[int] = set()
        self._paused_until_s = 0.0

    def pump(self, now_s: float) -> None:
        """Note what the broker has confirmed and send what may be sent; never blocks."""
        if self._connection.epoch != self._epoch:
            self._epoch = self._connection.epoch
            self._rewind()
        while self._connection.confirmations:
            self._note(self._connection.confirmations.popleft(), now_s)
        self._advance()
        if self._connection.connected and now_s >= self._paused_until_s:
            self._send()

    def _rewind(self) -> None:
        """What was in flight is not confirmed: it goes out again, with the same event ids."""
        self._flying.clear()
        self._order.clear()
        self._confirmed.clear()
        self._next = self._cursor

    def _note(self, confirmation: Confirmation, now_s: float) -> None:
        if confirmation.epoch != self._epoch:
            return
        number = self._flying.pop(confirmation.mid, None)
        if number is None:
            return  # of an alarm, a status or a result
        if confirmation.refused is None:
            self.refused = None
            self._confirmed.add(number)
            return
        if self.refused is None:
            log.error("broker refuses an event; it stays in the journal", extra=fields(reason=confirmation.refused))
        self.refused = confirmation.refused
        self._paused_until_s = now_s + RETRY_AFTER_S
        self._rewind()

    def _advance(self) -> None:
        before = self._cursor
        while self._order and self._order[0] in self._confirmed:
            self._cursor = self._order.popleft()
            self._confirmed.discard(self._cursor)
        if self._cursor != before:
            self._store.mark_published(self._cursor)

    def _send(self) -> None:
        room = IN_FLIGHT - len(self._order)
        for entry in self._store.journal(self._next, room) if room > 0 else ():
            mid = self._connection.publish(self._topics.event(entry.sensor), entry.event, qos=1)
            if mid is None:
                return
            self._flying[mid] = entry.id
            self._order.append(entry.id)
            self._next = entry.id
