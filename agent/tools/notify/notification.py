"""One message to one receiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from drsn.model.contract import Severity

if TYPE_CHECKING:
    from drsn.agent.tools.notify.keyed_alarm import AlarmKey, KeyedAlarm
    from drsn.agent.tools.notify.sent_messages import SentMessage

Change = Literal["raised", "cleared", "repeated", "escalated", "test"]

PRIORITIES: Final = {Severity.MINOR: 3, Severity.MAJOR: 4, Severity.CRITICAL: 5}
"""Severity -> priority of ntfy: 3 is the default, 5 the highest."""

WORDS: Final[dict[Change, str]] = {
    "raised": "",
    "cleared": "cleared: ",
    "repeated": "not acknowledged: ",
    "escalated": "escalated, not acknowledged: ",
    "test": "test: ",
}
"""Change -> how the title begins."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What a receiver gets, and what is stored when it has gone out."""

    receiver: str
    change: Change
    alarm: KeyedAlarm
    count: int = 1
    """Messages of this alarm to this receiver, with this one."""
    ended: int = 0
    """How often it was raised and is over already: in quiet hours, or its events came late. 0: it stands."""
    records: tuple[tuple[tuple[str, AlarmKey], SentMessage], ...] = ()
    """Keys and records to store."""

    @property
    def title(self) -> str:
        """One line: severity, sensor and condition."""
        over = f" (over, raised {self.ended} times)" if self.ended > 1 else " (over)" if self.ended else ""
        return f"{WORDS[self.change]}{self.alarm.severity.value} {self.alarm.title}{over}"

    @property
    def text(self) -> str:
        """Several lines for a person."""
        alarm = self.alarm
        lines = [
            self.title,
            f"agent: {alarm.agent}",
            f"state: {alarm.state}" if alarm.state else "",
            f"since: {alarm.since}" if alarm.since else "",
            f"confidence: {alarm.confidence:.2f}" if alarm.confidence is not None else "",
            alarm.reason,
            f"event: {alarm.event_id}" if alarm.event_id else "",
            f"message {self.count} about this alarm" if self.count > 1 else "",
        ]
        return "\n".join(line for line in lines if line)

    def values(self) -> dict[str, object]:
        """The values of a template."""
        alarm = self.alarm
        return {
            "change": self.change,
            "title": self.title,
            "text": self.text,
            "sensor": alarm.subject.name,
            "agent": alarm.agent,
            "condition": alarm.subject.condition,
            "label": alarm.label,
            "severity": alarm.severity.value,
            "priority": 2 if self.change == "cleared" or self.ended else PRIORITIES[alarm.severity],
            "state": alarm.state,
            "since": alarm.since,
            "event_id": alarm.event_id,
            "confidence": alarm.confidence,
            "count": self.count,
            "name": self.receiver,
        }
