"""Sends a thread of its own to the disk, and waits for it only so long: a disk that hangs must not hold up an alarm."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")


class DiskExecutor:
    """One at a time. While one is late, no other is run: each fails at once."""

    patience_s: float | None = None
    """None: it is waited for as long as it takes."""

    def __init__(self) -> None:
        self._late: Future[Any] | None = None
        self._todo: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        # A daemon: nobody could end a process whose exit waits for a disk.
        threading.Thread(target=self._work, name="disk", daemon=True).start()

    def run(self, errand: Callable[[], Answer], more_s: float = 0.0) -> Answer:
        """What it returns, or raises; one that is long by itself is given so much more time.

        What comes of one that is late is thrown away: it must not harm to be done all the same, or once more.

        Raises:
            StorageError: it is late, or an earlier one still is.
        """
        if self._late is not None and not self._late.done():
            raise StorageError("the disk still does not answer")
        self._late = None
        done: Future[Answer] = Future()
        self._todo.put((errand, done))
        try:
            return done.result(None if self.patience_s is None else self.patience_s + more_s)
        except Late:
            if done.done():
                raise
            self._late = done
            raise StorageError(f"the disk has not answered for {self.patience_s:g} s") from None

    def end(self) -> None:
        """No more errands; calling twice is fine."""
        self._todo.put(None)

    def _work(self) -> None:
        while (next_one := self._todo.get()) is not None:
            errand, done = next_one
            try:
                done.set_result(errand())
            except BaseException as error:  # noqa: BLE001 (it is the caller's)
                done.set_exception(error)
            del errand, done, next_one  # they hold the caller's data
