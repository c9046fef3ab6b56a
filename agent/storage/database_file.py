"""The database file in the locked state directory: opened, copied, set aside, checked for a rollback."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.storage.database import DamagedError, Database
from drsn.agent.storage.disk_executor import DiskExecutor
from drsn.agent.storage.rollback_guard import RollbackGuard
from drsn.agent.storage.safe_file import copy_regular
from drsn.agent.storage.state_dir import SQLITE_SUFFIXES, StateDir
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.storage.database import Changes, Entry, Snapshot

    OpenDatabase = Callable[[Path, str], Database]

log = logging.getLogger(__name__)


class DatabaseFile:
    """Every method but `load_copy` runs on the disk thread, with its timeout.

    Args:
        path: of the database; its directory is the agent's own.
        open_database: opens a database, by path and epoch of a new one.
    """

    def __init__(self, path: Path, open_database: OpenDatabase = Database) -> None:
        self.disk = DiskExecutor()
        self.guard = RollbackGuard(path.parent)
        self.set_aside_reasons: list[str] = []
        """A message for each database that was set aside."""
        self._path = path
        self._open_database = open_database
        self._directory = StateDir(path.parent)

    def open(self, epoch: str) -> Database:
        """Lock the directory and open the database; `epoch` is for a new one.

        Raises:
            ConfigurationError: another agent has locked the directory, or the database is of a later version.
            DamagedError: it is no valid database of the agent.
            StorageError: the directory can't be locked, or the database can't be opened now.
        """
        self.disk.run(self._directory.lock)
        return self.disk.run(partial(self._open_database, self._path, epoch))

    def commit(self, database: Database, epoch: str, changes: Changes, extra_s: float) -> int:
        """Commit changes and record their number; return the unpublished events that a full journal deleted.

        Raises:
            StorageError: it failed, or timed out; then it may still be written later.
        """

        def commit_and_record() -> int:
            deleted = database.commit(changes)
            self.guard.record(epoch, changes.commit_number)
            return deleted

        return self.disk.run(commit_and_record, extra_s)

    def refuse_rollback(self, found: Snapshot) -> None:
        """Refuse a database that lacks commits, because its event numbers would be used twice.

        Raises:
            DamagedError: commits are missing.
        """
        missing = self.guard.missing_commits(found.epoch, found.commits, len(found.sensors))
        if missing:
            raise DamagedError(f"{self._path}: an older copy; its last {missing} commits are missing")

    def load_copy(self, epoch: str, max_events: int) -> tuple[Snapshot, list[Entry]] | None:
        """Read a copy of the database, because SQLite can't open it in a directory that can't be written.

        Args:
            epoch: of the state if the file is empty.
            max_events: to read.

        Returns:
            The saved state and its newest unpublished events, which later reads can't return; None: nothing valid.
        """
        try:
            with TemporaryDirectory() as folder:
                copy = Path(folder) / self._path.name
                copy_regular(self._path, copy)
                log_file = self._path.with_name(f"{self._path.name}{SQLITE_SUFFIXES[0]}")  # has the last commits
                if log_file.exists():
                    copy_regular(log_file, copy.with_name(log_file.name))
                database = Database(copy, epoch)
                try:
                    database.check()
                    self.refuse_rollback(found := database.load())
                    return found, database.read(max(found.published_id, found.last_id - max_events), max_events)
                finally:
                    database.close()
        except (OSError, StorageError):
            return None

    def set_aside(self, why: str, kept: str) -> None:
        """Rename the database, which is closed, and add a message: why, and what of it is kept.

        Raises:
            StorageError: the directory can't be written.
        """
        new_name = self.disk.run(partial(self._directory.set_aside, self._path.name))
        self.set_aside_reasons.append(f"store: {self._path.name} was {why} and was renamed to {new_name}; {kept}")
        log.error("database renamed: a new file is in use", extra=fields(reason=why, file=new_name, kept=kept))

    def close(self) -> None:
        """End the disk thread and unlock the directory; a second call does nothing."""
        self.disk.close()
        self.guard.close()
        self._directory.close()
