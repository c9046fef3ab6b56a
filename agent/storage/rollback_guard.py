"""How far the database had come: a number in a file beside it, so that one that is older than it was is noticed.

A write-ahead log that lost its end, or a file that somebody brought back from a backup, is a sound database: numbers of
events would be given twice, and packets that were acknowledged since be missing without a word. The number is written
after each commit, by one system call without a sync: never ahead of a disk that keeps what it has synced.
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.storage.safe_file import open_plain, read_plain

if TYPE_CHECKING:
    from pathlib import Path

FILE = "commits"

SIZE = 64
"""Of the file, always: one write replaces all of it."""

LINE = re.compile(rb"([!-~]+) ([0-9]{1,18})\n *")

log = logging.getLogger(__name__)


class RollbackGuard:
    """The file in the state directory. Where it can't be written, nothing is noticed.

    Args:
        state_dir: the agent's own, locked.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE
        self._file: int | None = None
        self._said = False  # that nobody can read it

    def reached(self, epoch: str) -> int:
        """Number of the last commit to a database of this epoch; 0: not known."""
        of, number = self._read()
        return number if of == epoch else 0

    def missing(self, epoch: str, commits: int, sensors: int = 0) -> int:
        """Commits that a database lacks. One that has nothing at all took the place of what was here.

        Versions that counted no commits wrote sensors all the same.
        """
        of, number = self._read()
        return max(0, number - commits) if of == epoch or not (commits or sensors) else 0

    def rise(self, epoch: str, number: int) -> None:
        """A commit was written."""
        with suppress(OSError):
            if self._file is None:
                self._file = open_plain(self._path, os.O_WRONLY | os.O_CREAT)
                os.ftruncate(self._file, SIZE)  # of what was longer, the rest would stay
            os.pwrite(self._file, f"{epoch} {number}\n".encode().ljust(SIZE), 0)

    def close(self) -> None:
        """Calling twice is fine."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self) -> tuple[str, int]:
        try:
            line = LINE.fullmatch(read_plain(self._path, SIZE))
            if line is not None:
                return line[1].decode("ascii"), int(line[2])
            reason = "it holds no number of a commit"
        except FileNotFoundError:
            return "", 0
        except OSError as error:
            reason = error.strerror or str(error)
        if not self._said:
            self._said = True
            log.warning("how far the database had come is not known", extra=fields(file=self._path, reason=reason))
        return "", 0
