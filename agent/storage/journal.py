"""The journal: alarm states, cursors, events and replies, on the disk as long as it works, else in memory.

Alarms have priority over durability: when the database fails or does not answer, the agent goes on in memory, with
events and their numbers, and writes everything as soon as the disk works again (`recovery`).
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from drsn.agent.decision.counters import merged
from drsn.agent.observability.logs import fields
from drsn.agent.storage.database import Changes, Database, Snapshot
from drsn.agent.storage.database_file import DatabaseFile
from drsn.agent.storage.event_log import EventLog
from drsn.agent.storage.limits import DEFAULT_LIMITS, JournalLimits
from drsn.agent.storage.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.schema.documents import EventDocument, ReplyDocument
    from drsn.agent.storage.database import Entry
    from drsn.agent.storage.database_file import OpenDatabase

FILE = "agent.sqlite3"

log = logging.getLogger(__name__)


class Journal:
    """All state that survives a restart. Used by one thread.

    Args:
        state_dir: directory of the database; locked as soon as it exists.
        limits: bounds and waits.
        open_database: opens a database, by path and epoch of a new one.

    Raises:
        ConfigurationError: another agent has locked the directory, or the database is of a later version.
    """

    def __init__(
        self, state_dir: Path, limits: JournalLimits = DEFAULT_LIMITS, open_database: OpenDatabase = Database
    ) -> None:
        self._limits = limits
        self._events = EventLog(limits.max_events)
        self._file = DatabaseFile(state_dir / FILE, open_database)
        self.recovery = Recovery(self._file, self._events, limits)
        """Runs transactions and reads; trends use it directly."""
        self.disk = self._file.disk
        """Runs disk calls with a timeout; for other files of the state directory too."""
        self._replies: dict[str, ReplyDocument] = {}  # not written
        self._retry_due_s = self._cursor_due_s = -math.inf
        saved = self.recovery.start()
        self._epoch = saved.epoch
        self._sensors, self._cursors = dict(saved.sensors), dict(saved.cursors)
        self._counters: dict[str, bytes] = {}  # sensor -> the counters that go with its state; none: the state has them
        if self._file.set_aside_reasons:
            self._rewrite()
        self.disk.timeout_s = limits.timeout_s

    @property
    def problem(self) -> str | None:
        """Why nothing is written now; None: all is written."""
        return self.recovery.problem

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the agent is degraded."""
        consequence = "; the agent continues in memory: new events are lost if it stops before the disk works again"
        failing = [] if self.problem is None else [f"store: {self.problem}{consequence}"]
        return (*failing, *self._file.set_aside_reasons)

    @property
    def lost(self) -> int:
        """Events that were never published and are not on the disk any more."""
        return self._events.lost

    @property
    def published_id(self) -> int:
        """The journal's cursor: the broker has confirmed every event up to it."""
        return self._events.published_id

    def load(self) -> Snapshot:
        """The current state, written or not."""
        events, counters = self._events, self._counters
        sensors = {n: merged(s, counters[n]) if n in counters else s for n, s in self._sensors.items()}
        return Snapshot(self._epoch, sensors, dict(self._cursors), events.published_id, events.last_id)

    def commit(
        self,
        sensors: Mapping[str, SensorState],
        cursors: Mapping[str, Cursor],
        events: Iterable[EventDocument],
        replies: Iterable[ReplyDocument] = (),
        counters: Mapping[str, bytes] | None = None,
    ) -> None:
        """Save states, cursors, events and replies, all or none; on the disk if it works, else in memory.

        Args:
            sensors: sensor -> its state. One without conditions also removes the sensor's cursor.
            cursors: sensor -> how far its packets are read.
            events: of this commit, in order.
            replies: to commands.
            counters: sensor -> the record of its counters; the state, of this commit or an earlier one, is then the
                cold part (drsn.agent.decision.counters).
        """
        counters = counters or {}
        replies = list(replies)
        entries = self._events.append(events)
        self._sensors.update(sensors)
        for name in sensors:
            self._counters.pop(name, None)
        self._counters.update(counters)
        self._cursors.update(cursors)
        for name in [name for name, sensor in sensors.items() if not sensor.conditions]:
            self._cursors.pop(name, None)
        if self.problem is None:
            self.recovery.commit(Changes(sensors, cursors, entries, replies, self.published_id, counters=counters))
        if self.problem is not None:
            self._replies.update({reply.request_id: reply for reply in replies})
            while len(self._replies) > self._limits.max_replies:
                del self._replies[next(iter(self._replies))]
        self._events.trim()

    def tend(self, now_s: float) -> None:
        """Write what is due: after a failure everything in memory, else the journal's cursor."""
        if self.problem is not None and now_s >= self._retry_due_s:
            self._retry_due_s = now_s + self._limits.retry_s
            self._rewrite()
        elif self.problem is None and self._events.cursor_changed and now_s >= self._cursor_due_s:
            self._cursor_due_s = now_s + self._limits.cursor_s
            self.recovery.commit(Changes(published_id=self.published_id))

    def read(self, after_id: int, limit: int) -> list[Entry]:
        """Events after `after_id`, oldest first; none if they are on a disk that can't be read now."""
        found = self._events.read(after_id, limit)
        if found is None:
            found = self.recovery.read(lambda database: database.read(after_id, limit))
        return found or []

    def events(self, sensor: str, from_seq: int, limit: int) -> list[tuple[int, bytes]]:
        """`seq` and published JSON of one sensor's events from `from_seq` on, oldest first, as far as readable."""
        on_disk = self.recovery.read(lambda database: database.events(sensor, from_seq, limit)) or []
        found = {entry.seq: entry.event for entry in (*on_disk, *self._events.of_sensor(sensor, from_seq))}
        return sorted(found.items())[:limit]

    def reply(self, request_id: str) -> bytes | None:
        """The reply to a command, as JSON; None: there was none, or it can't be read now."""
        unwritten = self._replies.get(request_id)
        if unwritten is not None:
            return unwritten.model_dump_json().encode()
        return self.recovery.read(lambda database: database.reply(request_id))

    def unpublished(self) -> int:
        """Number of events that the broker has not confirmed."""
        return self._events.unpublished()

    def mark_published(self, up_to_id: int) -> None:
        """Move the journal's cursor; it is written with the next commit, or within `cursor_s`."""
        self._events.published_id = up_to_id
        self._events.trim()

    def abandoned(self, filters: Iterable[str]) -> tuple[str, ...]:
        """Save `filters`; return those of earlier runs that are no longer used, but may still be in the session."""
        return self.recovery.read(lambda database: database.abandoned(filters)) or ()

    def close(self) -> None:
        """Write what can be written and unlock the directory; a second call does nothing."""
        if self.recovery.has_database or self.recovery.locked:
            if self.problem is not None:
                self._rewrite()
            elif self._events.cursor_changed:
                self.recovery.commit(Changes(published_id=self.published_id))
        if self.problem is not None:
            log.error("agent stopped, but some state is not on the disk", extra=fields(reason=self.problem))
        self.recovery.close()

    def _rewrite(self) -> None:
        replies = tuple(self._replies.values())
        known = Changes(dict(self._sensors), dict(self._cursors), replies=replies, counters=dict(self._counters))
        if self.recovery.rewrite(known):
            self._replies.clear()
            self._events.trim()
