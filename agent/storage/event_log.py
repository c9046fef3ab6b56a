"""The newest events in memory, with their ids, the journal's cursor and the count of lost events."""

from __future__ import annotations

import logging
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.storage.database import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drsn.agent.schema.documents import EventDocument
    from drsn.agent.storage.database import Snapshot

DAMAGED = "they were only in the damaged file"
JOURNAL_FULL = "the journal is full, and the broker does not accept events"
MEMORY_FULL = "disk and broker do not work, and the memory for events is full"

log = logging.getLogger(__name__)


class EventLog:
    """The tail of the journal in memory: contiguous ids up to the newest event.

    Args:
        max_events: in memory; above that the oldest are dropped, and counted as lost if they are not on the disk.
    """

    def __init__(self, max_events: int) -> None:
        self.lost = 0
        """Events that were never published and are not on the disk any more."""
        self.published_id = 0
        """The journal's cursor: the broker has confirmed every event up to it."""
        self._saved_published_id = 0  # the cursor on the disk
        self._written_id = 0  # every event up to it was written
        self._last_id = 0
        self._lost_id = 0  # no event up to it can be published any more
        self._tail: deque[Entry] = deque()
        self._max_events = max_events

    def resume(self, snapshot: Snapshot, unpublished: Sequence[Entry] = ()) -> None:
        """Continue where an earlier run ended; `unpublished`: its events that the disk will not return."""
        self.published_id = self._saved_published_id = snapshot.published_id
        self._last_id = self._written_id = snapshot.last_id
        self._tail.extend(unpublished)

    @property
    def last_id(self) -> int:
        """Id of the newest event."""
        return self._last_id

    @property
    def cursor_changed(self) -> bool:
        """True if the cursor on the disk is behind."""
        return self.published_id != self._saved_published_id

    def append(self, events: Iterable[EventDocument]) -> list[Entry]:
        """Give events their ids and keep them; the caller calls `trim` after it has tried to write them."""
        entries = [
            Entry(number, event.sensor, event.seq, event.model_dump_json().encode())
            for number, event in enumerate(events, self._last_id + 1)
        ]
        self._tail.extend(entries)
        self._last_id += len(entries)
        return entries

    def read(self, after_id: int, limit: int) -> list[Entry] | None:
        """Events after `after_id`, oldest first; None: they are not in memory."""
        if after_id >= self._last_id:
            return []
        if self._tail and after_id + 1 >= self._tail[0].id:
            start = after_id + 1 - self._tail[0].id
            return list(islice(self._tail, start, start + limit))
        return None

    def of_sensor(self, sensor: str, from_seq: int) -> list[Entry]:
        """Events of one sensor in memory, from `from_seq` on."""
        return [entry for entry in self._tail if entry.sensor == sensor and entry.seq >= from_seq]

    def unwritten(self) -> list[Entry]:
        """Events that are in memory only."""
        return [entry for entry in self._tail if entry.id > self._written_id]

    def unpublished(self) -> int:
        """Number of events that the broker has not confirmed and that can still be published."""
        return self._last_id - self._done_id

    def written(self, published_id: int, deleted: int) -> None:
        """Note a commit of all events.

        Args:
            published_id: the cursor that was written; 0: unchanged.
            deleted: unpublished events that a full journal deleted for it.
        """
        self._written_id = self._last_id
        self._saved_published_id = published_id or self._saved_published_id
        self.lose_up_to(self._done_id + deleted, JOURNAL_FULL)

    def trim(self) -> None:
        """Drop the events that are written and published, and the oldest above the limit."""
        tail, done_id = self._tail, min(self.published_id, self._written_id)
        while tail and (tail[0].id <= done_id or len(tail) > self._max_events):
            dropped = tail.popleft()
            if dropped.id > self._written_id:
                self.lose_up_to(dropped.id, MEMORY_FULL)

    def missing(self) -> tuple[int, int]:
        """Unpublished events before those in memory, as (after_id, limit) of a read; as many as memory has room for."""
        first_id = self._first_id
        after_id = max(self.published_id, first_id - 1 - (self._max_events - len(self._tail)))
        return after_id, first_id - 1 - after_id

    def prepend(self, salvaged: list[Entry]) -> None:
        """Take events out of a damaged file, unless one is missing among them; all before them count as lost."""
        first_id = self._first_id
        if [entry.id for entry in salvaged] == list(range(first_id - len(salvaged), first_id)):
            self._tail.extendleft(reversed(salvaged))
        self._written_id = self._first_id - 1
        self.lose_up_to(self._written_id, DAMAGED)

    def lose_up_to(self, event_id: int, reason: str) -> None:
        """Count the unpublished events up to an id as lost."""
        events = event_id - self._done_id
        if events > 0:
            self.lost += events
            self._lost_id = event_id
            log.error("events lost", extra=fields(events=events, reason=reason))

    @property
    def _done_id(self) -> int:
        return max(self.published_id, self._lost_id)

    @property
    def _first_id(self) -> int:
        return self._tail[0].id if self._tail else self._last_id + 1
