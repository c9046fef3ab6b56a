"""`drsn-web --test-notify NAME`: one message to one receiver, at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.tools.notify.keyed_alarm import AlarmKey, KeyedAlarm
from drsn.agent.tools.notify.notification import Notification
from drsn.agent.tools.notify.notifier import channel_of
from drsn.agent.tools.notify.undelivered import UndeliveredError
from drsn.model.contract import Severity
from drsn.model.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.tools.notify.settings import NotifySection


def send_test(entries: Sequence[NotifySection], name: str) -> str:
    """Send a test message with the text of an alarm; return a line for the user.

    Args:
        entries: of the settings.
        name: of one of them.

    Raises:
        UsageError: no entry has this name.
        ConfigurationError: a file of the entry can't be read.
        UnavailableError: the message did not arrive.
    """
    entry = next((each for each in entries if each.name == name), None)
    if entry is None:
        names = ", ".join(each.name for each in entries) or "none"
        raise UsageError(f"--test-notify {name[:40]!r}: no such entry of [[notify]]; there are: {names}")
    now_s = time.time()
    alarm = KeyedAlarm(
        AlarmKey("test.sensor", "inner_race"), "test-agent", active=True, acked=False, suppressed=False,
        severity=Severity.MAJOR, occurrence="", began_s=now_s, label="inner_race", state="active_unacked",
        since=iso_utc(round(now_s * 1e9)), confidence=0.97, reason="This is a test; no machine has a fault.",
    )  # fmt: skip
    try:
        channel_of(entry).send(Notification(name, "test", alarm))
    except UndeliveredError as error:
        raise UnavailableError(f"notify {name}: the test message did not arrive: {error}") from None
    return f"notify {name}: the receiver has accepted the test message"
