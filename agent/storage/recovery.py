"""Recovers from failures of the database: retries, salvages what a damaged file has, and writes everything again.

After a failure `problem` is set, and the journal goes on in memory until `rewrite` has written everything. A damaged
database is set aside, and a new one gets all that is still known.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from drsn.agent.observability.logs import fields
from drsn.agent.storage.database import DamagedError, LockedError, Snapshot
from drsn.agent.storage.event_log import DAMAGED
from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.storage.database import Changes, Database, Entry
    from drsn.agent.storage.database_file import DatabaseFile
    from drsn.agent.storage.event_log import EventLog
    from drsn.agent.storage.limits import JournalLimits

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Recovery:
    """The open database, or the reason why it can't be used now. Used by one thread.

    Args:
        file: of the database.
        events: the events in memory; updated with each commit and each loss.
        limits: waits and bounds.
    """

    def __init__(self, file: DatabaseFile, events: EventLog, limits: JournalLimits) -> None:
        self.problem: str | None = None
        """Why nothing is written now; None: all is written."""
        self.locked = False
        """The last failure was a lock of another process: it may have ended."""
        self._file, self._events, self._limits = file, events, limits
        self._database: Database | None = None
        self._damaged = False
        self._epoch = ""
        self._commits = 0

    def start(self) -> Snapshot:
        """Open the database and return the saved state; a new state if there is none, or if it can't be read.

        Raises:
            ConfigurationError: another agent has locked the directory, or the database is of a later version.
        """
        unpublished: list[Entry] = []
        try:
            found = self._load()
        except StorageError as error:
            self._fail(error)
            epoch = _new_epoch()
            found, unpublished = self._file.load_copy(epoch, self._limits.max_events) or (Snapshot(epoch), [])
        except ConfigurationError:
            self.close()
            raise
        self._epoch = found.epoch
        self._commits = max(found.commits, self._file.guard.last_commit(self._epoch))
        self._events.resume(found, unpublished)
        if self._file.set_aside_reasons:
            self._events.lose_up_to(self._events.last_id, DAMAGED)
        return found

    @property
    def has_database(self) -> bool:
        """True if a database is open, even if it fails now."""
        return self._database is not None

    def commit(self, changes: Changes) -> None:
        """Write changes, which include all new events; on a failure `problem` is set."""
        try:
            self._commit(changes)
        except StorageError as error:
            self._fail(error)

    def read(self, read: Callable[[Database], Result]) -> Result | None:
        """Run a read; None: there is no database, or the read failed and `problem` is set."""
        if self._database is None:
            return None
        try:
            return self._file.disk.run(partial(read, self._database))
        except StorageError as error:
            self._fail(error)
            return None

    def rewrite(self, known: Changes) -> bool:
        """Open the database again and write all that is known, with the events in memory; False: it failed again."""
        return self._try_rewrite(known) or (self._damaged and self._try_rewrite(known))  # damage is found by the first

    def close(self) -> None:
        """Close the database and unlock the directory; a second call does nothing."""
        self.locked = False
        self._close_database()
        self._file.close()

    def _load(self) -> Snapshot:
        """Open the database; set it aside if it is damaged or was rolled back, after its state was read if possible."""
        saved = None
        try:
            self._database = self._file.open(_new_epoch())
            found = self._file.disk.run(self._database.load)
            self._file.refuse_rollback(found)
            saved = found
            self._file.disk.run(self._database.check)
        except DamagedError as error:
            kept = "alarm states were kept" if saved else "alarm states and cursors start empty"
            self._set_aside(f"damaged ({error})", kept)
        return saved or Snapshot(_new_epoch())

    def _try_rewrite(self, known: Changes) -> bool:
        try:
            self._reopen()
            entries = self._events.unwritten()
            self._commit(replace(known, entries=entries, published_id=self._events.published_id))
        except StorageError as error:
            self._fail(error)
            return False
        if self.problem is not None:
            log.warning("database works again: all state is on the disk", extra=fields(events=len(entries)))
            self.problem = None
        return True

    def _commit(self, changes: Changes) -> None:
        assert self._database is not None
        numbered = replace(changes, commit_number=self._commits + 1)
        extra_s = self._limits.timeout_per_row_s * changes.rows
        deleted = self._file.commit(self._database, self._epoch, numbered, extra_s)
        self._commits += 1
        self._events.written(changes.published_id, deleted)

    def _fail(self, error: StorageError) -> None:
        if str(error) != self.problem:
            log.error("database fails: the agent continues in memory", extra=fields(reason=str(error)))
        self.problem, self._damaged = str(error), isinstance(error, DamagedError)
        self.locked = isinstance(error, LockedError)
        if self.locked and self._database is not None:  # else each read would wait for the lock
            with suppress(StorageError):
                self._file.disk.run(self._database.stop_waiting)

    def _reopen(self) -> None:
        if self._damaged:
            self._salvage()
            self._set_aside(f"damaged ({self.problem})", "the new file has everything except the published events")
            self._damaged = False
        self._close_database()
        self._database = database = self._file.open(self._epoch)
        if self._file.disk.run(lambda: database.epoch) != self._epoch:
            # It could not be read at the start, and event numbers began anew: the two histories must not mix.
            self._set_aside("not readable when the agent started", "its content is not used")
            self._database = self._file.open(self._epoch)

    def _salvage(self) -> None:
        """Read unpublished events that are only in the damaged file, as many as memory has room for."""
        after_id, limit = self._events.missing()
        salvaged: list[Entry] = []
        with suppress(StorageError):
            if self._database is not None:
                salvaged = self._file.disk.run(partial(self._database.read, after_id, limit))
        self._events.prepend(salvaged)

    def _set_aside(self, why: str, kept: str) -> None:
        self._close_database()
        self._file.set_aside(why, kept)

    def _close_database(self) -> None:
        if self._database is not None:
            with suppress(StorageError):
                self._file.disk.run(self._database.close)
            self._database = None


def _new_epoch() -> str:
    return uuid.uuid4().hex[:8]
