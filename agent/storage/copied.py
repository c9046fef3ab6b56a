"""A database in a directory that can't be written: it is read from a copy, for SQLite can't open it where it is."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from drsn.agent.storage.database import Database, Entry, Snapshot
from drsn.agent.storage.safe_file import copy_plain
from drsn.agent.storage.state_dir import BESIDE
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable


def copied(path: Path, epoch: str, held: int, check: Callable[[Snapshot], None]) -> tuple[Snapshot, list[Entry]] | None:
    """What a database says in a directory that can't be written, where SQLite can't open it; None: nothing of use.

    With its unpublished events, `held` at most: what is decided from now on goes out behind them. Its log belongs to
    it. `epoch` is of one that has none.
    """
    try:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy_plain(path, copy)
            log_of = path.with_name(f"{path.name}{BESIDE[0]}")
            if log_of.exists():
                copy_plain(log_of, copy.with_name(log_of.name))
            store = Database(copy, epoch)
            try:
                store.check()
                check(found := store.load())
                return found, store.journal(max(found.published_id, found.last_id - held), held)
            finally:
                store.close()
    except (OSError, StorageError):
        return None
