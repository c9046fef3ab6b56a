"""Runs disk calls on one thread with a timeout: a disk that hangs must not delay an alarm."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from drsn.agent.observability.worker_thread import WorkerThread
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class DiskExecutor:
    """Runs one call at a time. While a call is overdue, each further call fails at once.

    Args:
        timeout_s: of each call; None: no timeout. May be changed between calls.
    """

    def __init__(self, timeout_s: float | None = None) -> None:
        self.timeout_s = timeout_s
        self._overdue: Future[Any] | None = None
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        # A daemon thread: a process that waited for a disk at its exit could not be ended.
        WorkerThread(target=self._work, name="disk").start()

    def run(self, call: Callable[[], Result], extra_s: float = 0.0) -> Result:
        """Run a call and return its result or raise its error; `extra_s` extends the timeout of a long call.

        An overdue call goes on, and its result is dropped. So a call must be safe to complete later, or to repeat.

        Raises:
            StorageError: the call timed out, or an earlier one is still overdue.
        """
        if self._overdue is not None and not self._overdue.done():
            raise StorageError("the disk still does not answer")
        self._overdue = None
        future: Future[Result] = Future()
        self._calls.put((call, future))
        try:
            return future.result(None if self.timeout_s is None else self.timeout_s + extra_s)
        except FutureTimeoutError:
            if future.done():  # the call itself raised a TimeoutError
                raise
            self._overdue = future
            raise StorageError(f"the disk has not answered for {self.timeout_s:g} s") from None

    def close(self) -> None:
        """End the thread after the calls that were accepted; a second call does nothing."""
        self._calls.put(None)

    def _work(self) -> None:
        while (accepted := self._calls.get()) is not None:
            call, future = accepted
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 (passed on to the caller)
                future.set_exception(error)
            del call, future, accepted  # they reference the caller's data
