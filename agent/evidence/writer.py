"""Writes records on a separate thread: a slow disk must not delay an alarm."""

from __future__ import annotations

import logging
import queue
import time
from typing import TYPE_CHECKING

from drsn.agent.evidence.capture import WAITING_BYTES
from drsn.agent.evidence.json_form import to_message
from drsn.agent.evidence.npz_form import to_bytes
from drsn.agent.evidence.record import record_of
from drsn.agent.observability.logs import Throttle, fields
from drsn.agent.observability.worker_thread import WorkerThread

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.evidence.capture import Capture
    from drsn.agent.evidence.record import SensorSetup
    from drsn.agent.evidence.record_files import RecordFiles

FAREWELL_S = 2.0
"""Longest wait of an ordered stop for records that are not written yet."""

log = logging.getLogger(__name__)


class Writer:
    """Makes records of captures and writes them to files.

    Args:
        files: used by this writer's thread only.
        setup_of: sensor id -> its setup, for the record.
        publish: takes sensor, event id and JSON payload of each record that was written; called by the thread.
        waiting_bytes: of the captures that are not written yet.
    """

    def __init__(
        self,
        files: RecordFiles,
        setup_of: Callable[[str], SensorSetup],
        publish: Callable[[str, str, bytes], None] | None = None,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self.written = 0
        self.failed = 0
        """Records that could not be written."""
        self.problem: str | None = None
        """Why the last record was not written; None: it was."""
        self._files = files
        self._setup_of = setup_of
        self._publish = publish
        self._waiting_bytes = waiting_bytes
        self._queue: queue.SimpleQueue[Capture | None] = queue.SimpleQueue()
        self._taken_bytes = 0  # changed by `take` only
        self._done_bytes = 0  # changed by the thread only; the difference waits
        self._throttle = Throttle()
        self._thread = WorkerThread(target=self._run, name="evidence")

    @property
    def bytes(self) -> int:
        """Bytes of all records on the disk; 0 before this run has counted them."""
        return self._files.bytes

    def take(self, capture: Capture) -> bool:
        """Queue a capture; False: too many wait. The first one starts the thread."""
        if self._taken_bytes - self._done_bytes + capture.nbytes > self._waiting_bytes:
            return False
        try:
            if not self._thread.ident:
                self._thread.start()
        except RuntimeError:  # the system has no thread left; a later call tries again
            return False
        self._taken_bytes += capture.nbytes
        self._queue.put(capture)
        return True

    def close(self, timeout_s: float = FAREWELL_S) -> None:
        """Write what waits, until the timeout, and end the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (capture := self._queue.get()) is not None:
            event = capture.event
            try:
                record = record_of(capture, self._setup_of(event.sensor))
                self._files.put(event.sensor, event.event_id, to_bytes(record))
                if self._publish is not None and (message := to_message(record)) is not None:
                    self._publish(event.sensor, event.event_id, message)
            except (OSError, ValueError) as error:
                self._lost(event.event_id, error)
            except Exception as error:
                log.exception("internal error in the evidence writer")
                self._lost(event.event_id, error)
            else:
                self.written += 1
                self.problem = None
            self._done_bytes += capture.nbytes

    def _lost(self, event_id: str, error: Exception) -> None:
        self.failed += 1
        self.problem = f"evidence cannot be written: {error}"[:200]
        more_like_it = self._throttle.held_back("evidence", time.monotonic())
        if more_like_it is not None:
            log.error("evidence lost", extra=fields(event_id=event_id, reason=str(error), more_like_it=more_like_it))
