"""The agent's state directory: a lock excludes a second agent, and a damaged database is renamed inside it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

SQLITE_SUFFIXES = ("-wal", "-shm")
"""Files that SQLite keeps beside a database. They are valid for that database only."""

MAX_SET_ASIDE = 3
"""Renamed files that are kept: a disk that damages each new database must not fill up with them."""


class StateDir:
    """One directory; nothing in it is changed before `lock`.

    Args:
        path: of the directory; made by `lock`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def lock(self) -> None:
        """Make the directory and lock it; a second call does nothing.

        Raises:
            ConfigurationError: another agent has locked it.
            StorageError: it can't be made or locked.
        """
        if self._lock is not None:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = _open_lock(self.path / "lock")
        except OSError as error:
            raise StorageError(f"state directory {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ConfigurationError(
                f"state directory {self.path}: another agent uses it; give each agent its own"
            ) from None
        except OSError as error:
            os.close(lock)
            raise StorageError(f"state directory {self.path}: it cannot be locked ({error.strerror})") from None
        self._lock = lock

    def set_aside(self, name: str) -> str:
        """Rename a database with its SQLite files, so that a new one can be made; return the new name.

        Raises:
            StorageError: the directory can't be written.
        """
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        new_name = f"{name}.set-aside-{stamp}"
        try:
            for suffix in SQLITE_SUFFIXES:
                with suppress(FileNotFoundError):
                    (self.path / f"{name}{suffix}").rename(self.path / f"{new_name}{suffix}")
            (self.path / name).rename(self.path / new_name)
            for old in sorted(self.path.glob(f"{name}.set-aside-*Z"))[:-MAX_SET_ASIDE]:
                for each in (old, *(old.with_name(f"{old.name}{suffix}") for suffix in SQLITE_SUFFIXES)):
                    each.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{self.path / name}: it cannot be renamed ({error.strerror})") from None
        return new_name

    def close(self) -> None:
        """Unlock the directory; a second call does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _open_lock(path: Path) -> int:
    """Open the lock file; read-only if the directory can't be written, because a lock needs no write permission.

    O_NONBLOCK: a pipe in its place does not block.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError:
        with suppress(OSError):
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        raise
