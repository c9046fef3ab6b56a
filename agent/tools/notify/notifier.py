"""Messages to people: takes what the page follows, and hands what is due to the receivers."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from drsn.agent.observability.logs import fields
from drsn.agent.tools.notify import sent_messages
from drsn.agent.tools.notify.keyed_alarm import machine_alarm
from drsn.agent.tools.notify.mail import Mailbox
from drsn.agent.tools.notify.policy import NotifyPolicy
from drsn.agent.tools.notify.receiver_queue import FAREWELL_S, ReceiverQueue
from drsn.agent.tools.notify.reconciliation import agent_alarm, differences
from drsn.agent.tools.notify.settings import check_entries
from drsn.agent.tools.notify.webhook import Webhook
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from drsn.agent.tools.live.live_state import Update
    from drsn.agent.tools.notify.notification import Notification
    from drsn.agent.tools.notify.receiver_queue import MessageChannel
    from drsn.agent.tools.notify.settings import NotifySection
    from drsn.agent.tools.operator.retained_state import RetainedState

SETTLE_S: Final = 5.0
"""Wait for the retained documents after the start; then they are compared with the alarms."""

COMPARE_EVERY_S: Final = 10.0
TICK_S: Final = 1.0

log = logging.getLogger(__name__)


class Notifier:
    """All receivers of `[[notify]]`. Used by one thread; nothing in it waits for a receiver.

    Args:
        entries: of the settings.
        path: file of the last messages, which it writes; the folder exists.

    Raises:
        ConfigurationError: an entry is wrong, or one of its files can't be read.
    """

    def __init__(self, entries: Sequence[NotifySection], path: Path) -> None:
        try:
            check_entries(entries)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        self._path = path
        self._settled = _loaded(path)  # what was delivered, or given up; the file
        self._changed, self._lock = False, threading.Lock()  # of `_settled`, which the deliveries' threads change
        self.deliveries = {entry.name: ReceiverQueue(entry.name, channel_of(entry), self._done) for entry in entries}
        self._policy = NotifyPolicy(entries, self._settled, lambda name: self.deliveries[name].ready)
        self._started_s: float | None = None
        self._compared_s = self._ticked_s = 0.0

    def take(self, update: Update, now_s: float) -> None:
        """Take what a message has changed; `now_s` is Unix time."""
        document = update.document
        if update.kind == "agent":
            alarm = agent_alarm(str(document["agent"]), str(document["state"]), now_s)
        else:
            alarm = machine_alarm(document, now_s)
        self._put(self._policy.take(alarm, now_s))

    def tick(self, retained: RetainedState, now_s: float) -> None:
        """Send what the time alone makes due; call it about once a second.

        Args:
            retained: the documents of all agents; they are compared every ten seconds.
            now_s: Unix time.
        """
        self._started_s = now_s if self._started_s is None else self._started_s
        if abs(now_s - self._ticked_s) < TICK_S:
            return
        self._ticked_s = now_s
        if now_s - self._started_s >= SETTLE_S and abs(now_s - self._compared_s) >= COMPARE_EVERY_S:
            self._compared_s = now_s
            for alarm in list(differences(retained, self._policy, now_s)):
                self._put(self._policy.take(alarm, now_s))
        self._put(self._policy.tick(now_s))
        self._save()

    def counts(self) -> dict[str, dict[str, object]]:
        """Receiver -> messages sent, failed attempts, messages given up, waiting, and the last problem."""
        return {
            name: {
                "sent": d.sent,
                "failed": d.failed,
                "given_up": d.given_up,
                "waiting": d.waiting,
                "problem": d.problem,
            }
            for name, d in self.deliveries.items()
        }

    def close(self) -> None:
        """Give what waits one attempt, for three seconds at most; the next start sends the rest."""
        for delivery in self.deliveries.values():
            delivery.stop()
        deadline_s = time.monotonic() + FAREWELL_S
        for delivery in self.deliveries.values():
            delivery.join(max(0.0, deadline_s - time.monotonic()))
        self._save()

    def _put(self, notifications: Iterable[Notification]) -> None:
        for notification in notifications:
            self.deliveries[notification.receiver].put(notification)

    def _done(self, notification: Notification) -> None:
        with self._lock:
            self._settled.update(notification.records)
            self._changed = True

    def _save(self) -> None:
        with self._lock:
            if not self._changed:
                return
            self._settled = sent_messages.bounded(self._settled)
            records, self._changed = dict(self._settled), False
        try:
            sent_messages.save(self._path, records)
        except OSError as error:
            self._changed = True
            log.error(  # noqa: TRY400 (the reason is the whole story)
                "the file of sent notifications cannot be written",
                extra=fields(path=str(self._path), reason=str(error)),
            )


def channel_of(entry: NotifySection) -> MessageChannel:
    """What takes the messages of an entry to its receiver.

    Raises:
        ConfigurationError: one of its files can't be read.
    """
    return Webhook(entry) if entry.kind == "webhook" else Mailbox(entry)


def _loaded(path: Path) -> sent_messages.Records:
    try:
        return sent_messages.load(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}; delete it or correct its permissions") from None
