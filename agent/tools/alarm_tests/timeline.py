"""The events of a case in their order, each with its time and what changed since the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.tools.alarm_tests.expectation import TimedEvent

if TYPE_CHECKING:
    from drsn.agent.schema.documents import EventDocument

FLAGS = ("latched", "suppressed_by")
"""Fields whose change an expectation may name."""


class Timeline:
    """Grows by each event of the agent."""

    def __init__(self) -> None:
        self.events: list[TimedEvent] = []
        self._last: dict[tuple[str, str], EventDocument] = {}

    def add(self, now_s: float, event: EventDocument) -> None:
        """Add an event; `now_s`: seconds since the case began."""
        before = self._last.get((event.sensor, event.condition))
        changed = () if before is None else [f for f in FLAGS if getattr(before, f) != getattr(event, f)]
        self._last[event.sensor, event.condition] = event
        self.events.append(TimedEvent(now_s, event, tuple(changed)))

    def last_seq(self, sensor: str, condition: str | None) -> int:
        """Return `seq` of the last event of a condition; 0: there was none."""
        event = self._last.get((sensor, condition or ""))
        return 0 if event is None else event.seq
