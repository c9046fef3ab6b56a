"""What the agent remembers, on the disk as long as there is one: alarms outrank durability.

When the database fails, or does not answer, everything goes on in memory, events and their numbers included, and is
written as soon as the disk is back. A damaged database is set aside, and a new one begins with all that is still known.
"""

from __future__ import annotations

import logging
import math
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from drsn.agent.observability.logs import fields
from drsn.agent.storage.copied import copied
from drsn.agent.storage.database import REPLIES, Changes, DamagedError, Database, Entry, Snapshot
from drsn.agent.storage.disk_executor import DiskExecutor
from drsn.agent.storage.rollback_guard import RollbackGuard
from drsn.agent.storage.state_dir import StateDir
from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.schema.documents import EventDocument, ReplyDocument

FILE = "agent.sqlite3"

RETRY_S = 10.0
"""After a failure. A database that another program locks holds the loop up for `store.BUSY_S` of it."""

ANSWER_S = 5.0
"""A disk that takes longer is as good as none. At the start it is waited for: who began without it would begin anew."""

ROW_S = 0.0005
"""So much longer for each row: 0.02 ms were measured."""

HELD = 10_000
"""Events in memory, 10 MB: those that are not both written and published. Of more, the oldest go."""

CURSOR_S = 1.0
"""How long the journal's cursor may be behind: a crash meanwhile tells events again, with the ids they had."""

FULL = "the journal is full, and the broker takes no events"

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Journal:
    """The store, or what it can't take at the moment. Used by one thread.

    Args:
        state_dir: locked as soon as it is there.

    Raises:
        ConfigurationError: another agent has the directory, or its database is of a later version.
    """

    def __init__(self, state_dir: Path) -> None:
        self.problem: str | None = None
        """Why nothing is written now."""
        self.lost = 0
        """Events that no broker and no disk has: too many waited, or the only file was damaged."""
        self._asides: list[str] = []
        self._dir, self._mark, self.disk = StateDir(state_dir), RollbackGuard(state_dir), DiskExecutor()
        self._store: Database | None = None
        self._damaged = False
        self._retry_s = self._cursor_due_s = -math.inf
        self._tail: deque[Entry] = deque()  # without a hole up to the newest
        self._replies: dict[str, ReplyDocument] = {}  # not written
        try:
            remembered = self._first()
        except StorageError as error:
            self._fail(error)
            remembered, waiting = copied(state_dir / FILE, _new_epoch(), HELD, self._must_be_the_newest) or (
                Snapshot(_new_epoch()),
                [],
            )
            self._tail.extend(waiting)
        except ConfigurationError:
            self._let_go()
            raise
        self._epoch = remembered.epoch
        self._sensors, self._cursors = dict(remembered.sensors), dict(remembered.cursors)
        self._published_id = self._told_id = remembered.published_id
        self._last_id = self._written_id = remembered.last_id
        self._commits = max(remembered.commits, self._mark.reached(self._epoch))
        self._gone_id = 0  # no event up to it can be published any more
        if self._asides:
            self._lose_up_to(self._last_id, "they were in the damaged file")
            self._recover()
        self.disk.patience_s = ANSWER_S

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the agent is degraded."""
        told = "; going on in memory: what is decided now is lost if the agent ends before that is put right"
        return (*([] if self.problem is None else [f"store: {self.problem}{told}"]), *self._asides)

    def load(self) -> Snapshot:
        """All that is remembered."""
        return Snapshot(self._epoch, dict(self._sensors), dict(self._cursors), self._published_id, self._last_id)

    def commit(
        self,
        sensors: Mapping[str, SensorState],
        cursors: Mapping[str, Cursor],
        events: Iterable[EventDocument],
        replies: Iterable[ReplyDocument] = (),
    ) -> None:
        """Remember states, cursors, events and what was answered, all or nothing; on the disk if there is one."""
        events, replies = list(events), list(replies)
        entries = [
            Entry(self._last_id + place, event.sensor, event.seq, event.model_dump_json().encode())
            for place, event in enumerate(events, 1)
        ]
        self._sensors.update(sensors)
        self._cursors.update(cursors)
        for name in [name for name, sensor in sensors.items() if not sensor.conditions]:
            self._cursors.pop(name, None)
        self._tail.extend(entries)
        self._last_id += len(entries)
        if self.problem is None:
            self._write(Changes(sensors, cursors, entries, replies, self._published_id))
        if self.problem is not None:
            self._replies.update({reply.request_id: reply for reply in replies})
            while len(self._replies) > REPLIES:
                del self._replies[next(iter(self._replies))]
        self._trim()

    def tend(self, now_s: float) -> None:
        """Write what waits: after a failure all that is known, else where the journal's cursor is."""
        if self.problem is not None and now_s >= self._retry_s:
            self._retry_s = now_s + RETRY_S
            self._recover()
        elif self.problem is None and self._published_id != self._told_id and now_s >= self._cursor_due_s:
            self._cursor_due_s = now_s + CURSOR_S
            self._write(Changes(published_id=self._published_id))

    def journal(self, after_id: int, limit: int) -> list[Entry]:
        """Events past `after_id`, oldest first; none when they are on a disk that can't be read now."""
        if after_id >= self._last_id:
            return []
        if self._tail and after_id + 1 >= self._tail[0].id:
            start = after_id + 1 - self._tail[0].id
            return list(islice(self._tail, start, start + limit))
        return self._read(lambda store: store.journal(after_id, limit)) or []

    def events(self, sensor: str, from_seq: int, limit: int) -> list[tuple[int, bytes]]:
        """Events of one sensor from `from_seq` on, oldest first: `seq`, and as published; what can be read of them."""
        found = {e.seq: e.event for e in self._read(lambda store: store.events(sensor, from_seq, limit)) or []}
        found |= {e.seq: e.event for e in self._tail if e.sensor == sensor and e.seq >= from_seq}
        return sorted(found.items())[:limit]

    def reply(self, request_id: str) -> bytes | None:
        """What a command was answered, if it was."""
        held = self._replies.get(request_id)
        if held is not None:
            return held.model_dump_json().encode()
        return self._read(lambda store: store.reply(request_id))

    def unpublished(self) -> int:
        """Events that no broker has confirmed."""
        return self._last_id - max(self._published_id, self._gone_id)

    @property
    def published_id(self) -> int:
        """The journal's cursor: every event up to it is with the broker."""
        return self._published_id

    def mark_published(self, up_to_id: int) -> None:
        """Move the journal's cursor; it is written with the next commit, or soon."""
        self._published_id = up_to_id
        self._trim()

    def abandoned(self, filters: Iterable[str]) -> tuple[str, ...]:
        """Topic filters of earlier runs that `filters` no longer has; the broker's session may still hold them."""
        return self._read(lambda store: store.abandoned(filters)) or ()

    def close(self) -> None:
        """Write what can be written, and let the directory go; calling twice is fine."""
        if self._store is not None:
            if self.problem is not None:
                self._recover()
            elif self._published_id != self._told_id:
                self._write(Changes(published_id=self._published_id))
        if self.problem is not None:
            log.error("ends with what is not on the disk", extra=fields(reason=self.problem))
        self._let_go()

    def _let_go(self) -> None:
        self._drop()
        self.disk.end()
        self._mark.close()
        self._dir.close()

    def _write(self, changes: Changes) -> None:
        try:
            lost = self._commit(changes)
        except StorageError as error:
            self._fail(error)
            return
        self._written_id, self._told_id = self._last_id, changes.published_id or self._told_id
        self._lose_up_to(self._reached + lost, FULL)

    def _commit(self, changes: Changes) -> int:
        """How many events went because the journal is full."""
        assert self._store is not None
        errand = partial(self._written, self._store, replace(changes, number=self._commits + 1))
        lost = self.disk.run(errand, ROW_S * changes.rows)
        self._commits += 1
        return lost

    def _written(self, store: Database, changes: Changes) -> int:
        lost = store.commit(changes)
        self._mark.rise(self._epoch, changes.number)
        return lost

    def _read(self, read: Callable[[Database], Answer]) -> Answer | None:
        if self._store is None:
            return None
        try:
            return self.disk.run(partial(read, self._store))
        except StorageError as error:
            self._fail(error)
            return None

    def _fail(self, error: StorageError) -> None:
        if str(error) != self.problem:
            log.error("the store fails, going on in memory", extra=fields(reason=str(error)))
        self.problem, self._damaged = str(error), isinstance(error, DamagedError)

    @property
    def _reached(self) -> int:
        return max(self._published_id, self._gone_id)

    def _trim(self) -> None:
        tail, done = self._tail, min(self._published_id, self._written_id)
        while tail and (tail[0].id <= done or len(tail) > HELD):
            gone = tail.popleft()
            if gone.id > self._written_id:
                self._lose_up_to(gone.id, "neither disk nor broker takes them, and the memory for them is full")

    def _lose_up_to(self, number: int, why: str) -> None:
        events = number - self._reached
        if events > 0:
            self.lost += events
            self._gone_id = number
            log.error("events lost", extra=fields(events=events, reason=why))

    def _drop(self) -> None:
        if self._store is not None:
            with suppress(StorageError):
                self.disk.run(self._store.close)
            self._store = None

    def _first(self) -> Snapshot:
        """What the last run left; a damaged database is set aside, after what it still says was read."""
        self.disk.run(self._dir.lock)
        remembered = None
        try:
            self._store = self._opened(_new_epoch())
            found = self.disk.run(self._store.load)
            self._must_be_the_newest(found)
            remembered = found
            self.disk.run(self._store.check)
        except DamagedError as error:
            kept = "alarm states were saved" if remembered else "alarm states and cursors begin anew"
            self._set_aside(f"damaged ({error})", kept)
        return remembered or Snapshot(_new_epoch())

    def _must_be_the_newest(self, found: Snapshot) -> None:
        """Else numbers of events would be given twice."""
        missing = self._mark.missing(found.epoch, found.commits, len(found.sensors))
        if missing:
            raise DamagedError(f"{self._dir.path / FILE}: it is older than it was, {missing} commits are missing")

    def _recover(self) -> None:
        """Open the database anew, and write all that is known into it."""
        self._attempt()
        if self._damaged:  # found only now: it is set aside
            self._attempt()

    def _attempt(self) -> None:
        try:
            self.disk.run(self._dir.lock)
            self._reopen()
            self._rewrite()
        except StorageError as error:
            self._fail(error)

    def _reopen(self) -> None:
        if self._damaged:
            self._salvage()
            self._set_aside(f"damaged ({self.problem})", "all but its published events was written anew")
            self._damaged = False
        self._drop()
        self._store = store = self._opened(self._epoch)
        if self.disk.run(lambda: store.epoch) != self._epoch:
            # At the start it could not be read, and the numbers of events began anew: two histories in one file.
            self._set_aside("not there when the agent started", "what it knew is not used")
            self._store = self._opened(self._epoch)

    def _opened(self, epoch: str) -> Database:
        return self.disk.run(partial(Database, self._dir.path / FILE, epoch))

    def _rewrite(self) -> None:
        held = [entry for entry in self._tail if entry.id > self._written_id]
        lost = self._commit(
            Changes(dict(self._sensors), dict(self._cursors), held, tuple(self._replies.values()), self._published_id)
        )
        if self.problem is not None:
            log.warning("the store is back, all that was held is written", extra=fields(events=len(held)))
        self.problem, self._written_id, self._told_id = None, self._last_id, self._published_id
        self._replies.clear()
        self._lose_up_to(self._reached + lost, FULL)
        self._trim()

    def _salvage(self) -> None:
        """Take the unpublished events that are in the damaged file alone, as many as memory holds, if it still says."""
        first = self._tail[0].id if self._tail else self._last_id + 1
        after_id = max(self._published_id, first - 1 - (HELD - len(self._tail)))
        found: list[Entry] = []
        with suppress(StorageError):
            if self._store is not None:
                found = self.disk.run(partial(self._store.journal, after_id, first - 1 - after_id))
        if [entry.id for entry in found] == list(range(first - len(found), first)):
            self._tail.extendleft(reversed(found))
        self._written_id = self._tail[0].id - 1 if self._tail else self._last_id
        self._lose_up_to(self._written_id, "they were in the damaged file")

    def _set_aside(self, why: str, kept: str) -> None:
        self._drop()
        aside = self.disk.run(partial(self._dir.set_aside, FILE))
        self._asides.append(f"store: {FILE} was {why} and set aside as {aside}; {kept}")
        log.error("database set aside", extra=fields(reason=why, file=aside, kept=kept))


def _new_epoch() -> str:
    return uuid.uuid4().hex[:8]
