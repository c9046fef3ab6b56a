"""Keeps the history on a thread of its own: a slow, full or read-only disk never holds up the page."""

from __future__ import annotations

import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from drsn.agent.observability.logs import fields
from drsn.agent.tools.web.history import NAME, History, HistoryError, HistoryLimits, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from drsn.agent.tools.web.minutes import MinuteRow

WRITE_EVERY_S: Final = 5.0
TRIM_EVERY_S: Final = 3600.0

MAX_WAITING: Final = 50_000
"""Rows and events that wait for a disk that fails; then the oldest are lost, and counted."""

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class HistoryKeeper:
    """The history and what waits to be written. `add_*` and `tend` are called by one thread.

    Args:
        folder: of the database; None: it is kept in memory.
        days: older rows and events are deleted.
    """

    def __init__(self, folder: Path | None, days: float) -> None:
        self.lost = 0
        """Rows and events that no disk took."""
        self._limits = HistoryLimits(days)
        self._open_problem: str | None = None
        self._write_problem: str | None = None
        self._minutes: deque[MinuteRow] = deque(maxlen=MAX_WAITING)
        self._events: deque[dict[str, Any]] = deque(maxlen=MAX_WAITING)
        self._written_s = self._trimmed_s = time.monotonic()
        self._writing: Future[None] | None = None
        self._executor = ThreadPoolExecutor(1, "history")
        self._history = self._executor.submit(self._opened, folder).result()

    @property
    def problem(self) -> str | None:
        """Why the history is not on the disk, with the remedy; None: it is."""
        problem, lost = self._open_problem or self._write_problem, self.lost
        return f"{problem}; {lost} rows and events are lost" if problem and lost else problem

    def add_minute(self, row: MinuteRow) -> None:
        """Keep a minute."""
        self.lost += len(self._minutes) == MAX_WAITING
        self._minutes.append(row)

    def add_event(self, document: dict[str, Any]) -> None:
        """Keep an event; the same event twice is kept once."""
        self.lost += len(self._events) == MAX_WAITING
        self._events.append(document)

    def tend(self, now_s: float) -> None:
        """Write what waits, every few seconds, if the last write has ended."""
        if now_s - self._written_s < WRITE_EVERY_S or (self._writing is not None and not self._writing.done()):
            return
        self._written_s = now_s
        trim = now_s - self._trimmed_s >= TRIM_EVERY_S
        if trim:
            self._trimmed_s = now_s
        if trim or self._minutes or self._events:
            self._writing = self._executor.submit(self._write, trim=trim)

    def ask(self, query: Callable[[History], _Result]) -> Future[_Result]:
        """Read something, after what waits now is written; the result is in the future."""

        def read() -> _Result:
            self._write(trim=False)
            return query(self._history)

        return self._executor.submit(read)

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._executor.submit(self._write, trim=False).result()
        self._executor.shutdown()
        self._history.close()

    def _write(self, *, trim: bool) -> None:
        minutes, events = _taken(self._minutes), _taken(self._events)
        try:
            if minutes or events:
                self._history.write(minutes, events, time.time())
            if trim:
                self._history.trim(time.time())
            self._report(None)
        except HistoryError as error:
            self._minutes.extendleft(reversed(minutes))
            self._events.extendleft(reversed(events))
            self._report(f"the history is not written: {error}; free space on the disk, or make it writable")

    def _report(self, problem: str | None) -> None:
        if problem is not None and self._write_problem is None:
            log.warning("history not written", extra=fields(reason=problem))
        self._write_problem = problem

    def _opened(self, folder: Path | None) -> History:
        if folder is None:
            return History(None, self._limits)
        path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            history = _opened_or_new(path, self._limits)
            history.trim(time.time())
        except (HistoryError, OSError) as error:
            self._open_problem = (
                f"the history is in memory only, until the next start: {path}: {error}; give a folder that can be "
                "written with --state-dir"
            )
            log.warning("history in memory only", extra=fields(reason=self._open_problem))
            return History(None, self._limits)
        return history


def _opened_or_new(path: Path, limits: HistoryLimits) -> History:
    try:
        return History(path, limits)
    except HistoryError as error:
        if not any(text in str(error) for text in ("malformed", "not a database")):
            raise
        names = ", ".join(map(str, set_aside(path)))
        log.warning("damaged history set aside; a new one begins", extra=fields(reason=error, files=names))
        return History(path, limits)


def _taken(queue: deque[Any]) -> list[Any]:
    """What is in a queue that another thread may add to."""
    return [queue.popleft() for _ in range(len(queue))]
