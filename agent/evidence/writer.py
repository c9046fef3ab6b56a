"""Writes records on a thread of its own: a slow disk must not hold an alarm."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

from drsn.agent.evidence.json_form import to_message
from drsn.agent.evidence.npz_form import to_bytes
from drsn.agent.evidence.record import record_of
from drsn.agent.evidence.recorder import WAITING_BYTES
from drsn.agent.observability.logs import Throttle, fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.evidence.record import About
    from drsn.agent.evidence.record_files import RecordFiles
    from drsn.agent.evidence.recorder import Snapshot

FAREWELL_S = 2.0
"""How long an ordered stop waits for what is not written yet."""

log = logging.getLogger(__name__)


class Writer:
    """Takes snapshots, at most `WAITING_BYTES` of them, and puts them on the shelf.

    Args:
        shelf: used by this writer's thread alone.
        about: sensor id -> what its records say besides the windows.
        publish: gets sensor, event and message of each record that was written; called by the thread.
    """

    def __init__(
        self,
        shelf: RecordFiles,
        about: Callable[[str], About],
        publish: Callable[[str, str, bytes], None] | None = None,
    ) -> None:
        self.written = 0
        self.failed = 0
        """Records that the disk did not take."""
        self.problem: str | None = None
        """Why the last record was not written; None: it was."""
        self._shelf = shelf
        self._about = about
        self._publish = publish
        self._waiting: queue.SimpleQueue[Snapshot | None] = queue.SimpleQueue()
        self._taken_bytes = 0  # written by the taker alone
        self._done_bytes = 0  # written by the thread alone; the difference waits
        self._throttle = Throttle()
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)

    @property
    def bytes(self) -> int:
        """Of all records on the disk, as far as this run has counted them."""
        return self._shelf.bytes

    def take(self, snapshot: Snapshot) -> bool:
        """Write it soon; False when too many wait. The first one starts the thread."""
        if self._taken_bytes - self._done_bytes + snapshot.nbytes > WAITING_BYTES:
            return False
        try:
            if not self._thread.ident:
                self._thread.start()
        except RuntimeError:  # the system has no thread left; perhaps next time
            return False
        self._taken_bytes += snapshot.nbytes
        self._waiting.put(snapshot)
        return True

    def close(self) -> None:
        """Write what waits, as far as `FAREWELL_S` lets it, and end."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(FAREWELL_S)

    def _run(self) -> None:
        while (snapshot := self._waiting.get()) is not None:
            event = snapshot.event
            try:
                record = record_of(snapshot, self._about(event.sensor))
                self._shelf.put(event.sensor, event.event_id, to_bytes(record))
                if self._publish is not None and (message := to_message(record)) is not None:
                    self._publish(event.sensor, event.event_id, message)
            except (OSError, ValueError) as error:
                self._lost(event.event_id, error)
            except Exception as error:
                log.exception("our own fault")
                self._lost(event.event_id, error)
            else:
                self.written += 1
                self.problem = None
            self._done_bytes += snapshot.nbytes

    def _lost(self, event_id: str, error: Exception) -> None:
        self.failed += 1
        self.problem = f"evidence can't be written: {error}"[:200]
        held = self._throttle.held_back("evidence", time.monotonic())
        if held is not None:
            log.error("evidence lost", extra=fields(event_id=event_id, reason=str(error), more_like_it=held))
