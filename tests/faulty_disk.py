"""A disk for the journal's database whose failures a test chooses."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from drsn.agent.storage.database import Database
from drsn.agent.storage.journal import FILE
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class OpenedDatabase(Database):
    """A database whose connection a test can change."""

    def execute(self, statement: str, parameters: tuple[str, ...] = ()) -> sqlite3.Cursor:
        return self._db.execute(statement, parameters)


class Disk:
    """Opens databases for a journal: `Journal(folder, open_database=disk.open)`."""

    def __init__(self) -> None:
        self.error: str | None = None
        """Why no database can be opened."""
        self.opens = 0

    def open(self, path: Path, epoch: str) -> OpenedDatabase:
        self.opens += 1
        if self.error is not None:
            raise StorageError(self.error)
        self.database = OpenedDatabase(path, epoch)
        return self.database

    def open_later(self, path: Path, epoch: str) -> OpenedDatabase:
        """The directory can't be written when the agent starts; later it can."""
        self.error = None if self.opens else "readonly database"
        return self.open(path, epoch)

    def fill(self) -> None:
        """The disk is full until the file is opened again; SQLite itself makes the error."""
        (pages,) = self.database.execute("PRAGMA page_count").fetchone()
        self.database.execute(f"PRAGMA max_page_count = {pages}")


def empty_log(folder: Path) -> None:
    """Move all commits from the write-ahead log into the database file."""
    with closing(sqlite3.connect(folder / FILE)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another process, such as a shell, has locked the database."""
    with closing(sqlite3.connect(folder / FILE, isolation_level=None, timeout=20)) as shell:
        shell.execute("BEGIN EXCLUSIVE")
        yield
        shell.execute("ROLLBACK")
