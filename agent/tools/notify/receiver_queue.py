"""Delivers the messages to one receiver on a thread of its own: retried, in order, bounded."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from drsn.agent.observability.logs import fields
from drsn.agent.tools.notify.undelivered import UndeliveredError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.tools.notify.notification import Notification

MAX_WAITING: Final = 200
"""Messages that wait for one receiver; the alarms behind others wait in the policy."""

FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 300.0

GIVE_UP_AFTER_S: Final = 3600.0
"""Attempts for one message end after this time."""

FAREWELL_S: Final = 3.0
"""Longest wait of an ordered stop; what is not delivered then is sent by the next start."""

log = logging.getLogger(__name__)


class MessageChannel(Protocol):
    """What takes a message to its receiver."""

    def send(self, notification: Notification) -> None:
        """Deliver one message.

        Raises:
            UndeliveredError: it did not arrive.
        """


class ReceiverQueue:
    """The queue and the thread of one receiver.

    Args:
        name: of the receiver.
        channel: takes the messages there.
        done: called by the thread with each message that was delivered or given up.
        first_pause_s: before the second attempt; each later pause is twice as long, and is varied by a quarter.
        give_up_after_s: since the first attempt.
    """

    def __init__(
        self,
        name: str,
        channel: MessageChannel,
        done: Callable[[Notification], None],
        first_pause_s: float = FIRST_PAUSE_S,
        give_up_after_s: float = GIVE_UP_AFTER_S,
    ) -> None:
        self.name = name
        self.sent = 0
        self.failed = 0
        """Attempts that failed."""
        self.given_up = 0
        """Messages that were not delivered."""
        self.problem: str | None = None
        """Why the last attempt failed; None: it did not."""
        self._channel, self._done = channel, done
        self._first_pause_s, self._give_up_after_s = first_pause_s, give_up_after_s
        self._queue: queue.Queue[Notification | None] = queue.Queue(MAX_WAITING + 1)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"notify-{name}", daemon=True)

    @property
    def ready(self) -> bool:
        """Whether one more message can be put."""
        return self._queue.qsize() < MAX_WAITING

    @property
    def waiting(self) -> int:
        """Messages that wait; not the one that is under way."""
        return self._queue.qsize()

    def put(self, notification: Notification) -> None:
        """Queue a message; the caller has checked `ready`. The first one starts the thread."""
        self._queue.put_nowait(notification)
        if not self._thread.ident:
            self._thread.start()

    def stop(self) -> None:
        """Begin to stop: no more attempts after the present one, but what waits gets one."""
        self._stopped.set()
        if self._thread.is_alive():
            self._queue.put_nowait(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (notification := self._queue.get()) is not None:
            if self._deliver(notification):
                self._done(notification)

    def _deliver(self, notification: Notification) -> bool:
        """Try until it is delivered or given up; False: the process stops before that."""
        begun_s, pause_s = time.monotonic(), self._first_pause_s
        while True:
            try:
                self._channel.send(notification)
            except UndeliveredError as error:
                reason, again = str(error), error.again
            except Exception as error:
                log.exception("internal error in a notification")
                reason, again = f"internal error: {type(error).__name__}", False
            else:
                self.sent += 1
                self.problem = None
                return True
            self.failed += 1
            self.problem = reason
            if not again or time.monotonic() - begun_s >= self._give_up_after_s:
                self.given_up += 1
                log.error("notification given up", extra=fields(receiver=self.name, reason=reason,
                          change=notification.change, subject=notification.alarm.subject.name,
                          event_id=notification.alarm.event_id))  # fmt: skip
                return True
            if self._stopped.wait(pause_s * random.uniform(0.75, 1.25)):  # noqa: S311 (no secret)
                return False
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
