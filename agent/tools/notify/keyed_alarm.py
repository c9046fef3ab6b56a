"""What a message is about: a condition of a sensor, an agent that is offline, or a source that is not watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drsn.agent.schema.condition_text import condition_text
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

AGENT_OFFLINE: Final = "agent_offline"
NOT_WATCHED: Final = "not_watched"
OWN: Final = (AGENT_OFFLINE, NOT_WATCHED)
"""Conditions that the page derives; those of machines come from the agents."""

TEXT_CHARS: Final = 500
"""Longest text that is taken from a document."""


class AlarmKey(NamedTuple):
    """What an alarm is about: of what, and which condition. A sensor has one alarm, whatever agent evaluates it."""

    name: str
    """Of the sensor, the source or the agent."""
    condition: str


@dataclass(frozen=True, slots=True)
class KeyedAlarm:
    """A condition as it stands."""

    subject: AlarmKey
    agent: str
    active: bool
    acked: bool
    suppressed: bool
    severity: Severity
    occurrence: str
    """`since` of a machine's condition, which each raise changes; empty: it has no id of its own."""
    began_s: float
    """Unix time at which the page got it."""
    epoch: str = ""
    seq: int = 0
    """Number of the event; 0: it was retained."""
    label: str = ""
    state: str = ""
    since: str = ""
    event_id: str = ""
    confidence: float | None = None
    reason: str = ""
    """Why a source is not watched, and the remedy."""

    @property
    def title(self) -> str:
        """What and where: one line."""
        if self.subject.condition == AGENT_OFFLINE:
            return f"agent {self.agent}: {'offline' if self.active else self.state or 'online'}"
        if self.subject.condition == NOT_WATCHED:
            return f"{self.subject.name}: {'not watched' if self.active else 'watched again'}"
        return f"{self.subject.name}: {condition_text(self.subject.condition, self.label)}"


def machine_alarm(document: Mapping[str, Any], now_s: float) -> KeyedAlarm:
    """The alarm in an event, or in a condition of a retained alarm, which the reader has checked.

    Args:
        document: it has `agent` and `sensor`.
        now_s: Unix time.
    """
    state, severity = _line(document.get("state")), document.get("severity")
    active = document.get("active")
    return KeyedAlarm(
        subject=AlarmKey(_line(document["sensor"]), _line(document["condition"])),
        agent=_line(document["agent"]),
        active=state.startswith("active") if active is None else active is True,
        acked=state == "active_acked" or document.get("acked") is True,
        suppressed=document.get("suppressed_by") is not None,
        severity=Severity(severity) if severity in [each.value for each in Severity] else Severity.CRITICAL,
        occurrence=_line(document.get("since")),
        began_s=now_s,
        epoch=_line(document.get("epoch")),
        seq=seq if isinstance(seq := document.get("seq"), int) else 0,
        label=_line(document.get("label")),
        state=state,
        since=_line(document.get("since")),
        event_id=_line(document.get("event_id")),
        confidence=float(found) if isinstance(found := document.get("confidence"), (int, float)) else None,
    )


def _line(value: object) -> str:
    """A text of a document in one line of bounded length, without control characters."""
    return "".join(c if c.isprintable() else " " for c in str(value)[:TEXT_CHARS]) if value is not None else ""
