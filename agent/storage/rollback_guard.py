"""Detects a database that was rolled back: a file beside it has the number of its last commit.

A write-ahead log that lost its end, or a database file restored from a backup, is valid to SQLite. But event numbers
would be used twice, and packets that were acknowledged since would be missing without a notice. The number is written
after each commit by one system call without a sync, so on a disk that keeps synced data it is never ahead.
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.storage.safe_file import open_regular, read_regular

if TYPE_CHECKING:
    from pathlib import Path

FILE = "commits"

FILE_BYTES = 64
"""The file always has this size, so that one write replaces all of it."""

LINE = re.compile(rb"([!-~]+) ([0-9]{1,18})\n *")

log = logging.getLogger(__name__)


class RollbackGuard:
    """The file in the state directory. If it can't be written, no rollback is detected.

    Args:
        state_dir: the agent's own, locked.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE
        self._file: int | None = None
        self._warned = False  # that the file is not readable

    def last_commit(self, epoch: str) -> int:
        """Number of the last commit to a database of this epoch; 0: unknown."""
        file_epoch, number = self._read()
        return number if file_epoch == epoch else 0

    def missing_commits(self, epoch: str, commits: int, sensors: int = 0) -> int:
        """Commits that a database lacks.

        A database of another epoch lacks none, unless it is empty: then it has replaced the one that was here.

        Args:
            epoch: of the database.
            commits: number of its last commit. Versions that counted no commits wrote sensors all the same.
            sensors: that it has.
        """
        file_epoch, number = self._read()
        return max(0, number - commits) if file_epoch == epoch or not (commits or sensors) else 0

    def record(self, epoch: str, number: int) -> None:
        """Write the number of a commit that is on the disk."""
        with suppress(OSError):
            if self._file is None:
                self._file = open_regular(self._path, os.O_WRONLY | os.O_CREAT)
                os.ftruncate(self._file, FILE_BYTES)  # a longer file would keep its end
            os.pwrite(self._file, f"{epoch} {number}\n".encode().ljust(FILE_BYTES), 0)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self) -> tuple[str, int]:
        try:
            line = LINE.fullmatch(read_regular(self._path, FILE_BYTES))
            if line is not None:
                return line[1].decode("ascii"), int(line[2])
            reason = "it has no commit number"
        except FileNotFoundError:
            return "", 0
        except OSError as error:
            reason = error.strerror or str(error)
        if not self._warned:
            self._warned = True
            log.warning("the number of the last commit is unknown", extra=fields(file=self._path, reason=reason))
        return "", 0
