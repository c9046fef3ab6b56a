"""The agent's own directory: locked against a second agent; a damaged database is set aside in it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

BESIDE = ("-wal", "-shm")
"""What SQLite keeps beside a database: it belongs to that file alone."""

ASIDES = 3
"""Files that are kept aside: a disk that damages each new one must not be filled with them."""


class StateDir:
    """One directory; nothing is touched before `lock`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def lock(self) -> None:
        """Make the directory and keep others out; done once, a second call costs nothing.

        Raises:
            ConfigurationError: another agent has it.
            StorageError: it can't be made or locked.
        """
        if self._lock is not None:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = _opened(self.path / "lock")
        except OSError as error:
            raise StorageError(f"state directory {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ConfigurationError(f"state directory {self.path}: another agent uses it; give each its own") from None
        except OSError as error:
            os.close(lock)
            raise StorageError(f"state directory {self.path}: it can't be locked ({error.strerror})") from None
        self._lock = lock

    def set_aside(self, name: str) -> str:
        """Rename a file, and what SQLite keeps beside it, so that a new one can begin; its name from now on.

        Raises:
            StorageError: the directory can't be written.
        """
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = f"{name}.set-aside-{stamp}"
        try:
            for suffix in BESIDE:
                with suppress(FileNotFoundError):
                    (self.path / f"{name}{suffix}").rename(self.path / f"{aside}{suffix}")
            (self.path / name).rename(self.path / aside)
            for old in sorted(self.path.glob(f"{name}.set-aside-*Z"))[:-ASIDES]:
                for each in (old, *(old.with_name(f"{old.name}{suffix}") for suffix in BESIDE)):
                    each.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{self.path / name}: it can't be set aside ({error.strerror})") from None
        return aside

    def close(self) -> None:
        """Let others in; calling twice is fine."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _opened(path: Path) -> int:
    """A lock needs no permission to write: a directory that has become read-only is kept from others all the same.

    What lies there may be anything; a pipe is not waited for.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError:
        with suppress(OSError):
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        raise
