"""Renders alarm states and their changes as public documents, with event ids and the order of urgency."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS
from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.agent.schema.documents import (
    AlarmDocument,
    BundleReference,
    CommissionDocument,
    ConditionDocument,
    EventDocument,
)
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.schema.not_watched import WhyNotWatched
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.acquisition.not_watched import NotWatched
    from drsn.agent.decision.alarm_state import Change, Condition, SensorState

EVENT_NAMESPACE = uuid.UUID("5c1a3f0e-7d0b-5c55-9f5a-d7253e0e0001")
"""Namespace of the UUIDv5 in `event_id`. It never changes: a replay must give the same ids."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The sender of a document: the agent, the epoch of its database, and its bundle."""

    agent: str
    epoch: str
    bundle: BundleReference


class Renderer:
    """Renders alarm states and changes of one agent.

    Args:
        identity: stands in every document.
        severities: condition -> severity of one that was never raised; a condition that is absent is minor.
    """

    def __init__(self, identity: Identity, severities: Mapping[str, Severity]) -> None:
        self.identity = identity
        self._severities = severities

    def event(self, sensor: str, change: Change) -> EventDocument:
        """The event of one change of one condition."""
        sender = self.identity
        return EventDocument(
            agent=sender.agent,
            epoch=sender.epoch,
            sensor=sensor,
            seq=change.condition.seq,
            bundle=sender.bundle,
            **self._condition(sensor, change.name, change.condition).model_dump(),
        )

    def alarm(self, sensor: str, state: SensorState, not_watched: NotWatched | None = None) -> AlarmDocument:
        """The retained document of a sensor; the most urgent condition comes first.

        Args:
            sensor: its id.
            state: of its conditions.
            not_watched: why it is not watched; then it is never `normal`. None: it is watched.
        """
        standing = sorted(state.standing.items(), key=lambda item: self._urgency(*item))
        documents = tuple(self._condition(sensor, name, condition) for name, condition in standing)
        quiet = {"state": "normal" if not_watched is None else "not_watched"}
        top = next((each.model_dump() for each in documents if each.state != "normal"), quiet)
        sender = self.identity
        return AlarmDocument(
            agent=sender.agent,
            epoch=sender.epoch,
            sensor=sensor,
            seq=state.seq,
            bundle=sender.bundle,
            conditions=documents,
            not_watched=WhyNotWatched.of(not_watched),
            **top,
        )

    def event_id(self, sensor: str, seq: int) -> str:
        """UUIDv5 of (agent, epoch, sensor, seq)."""
        return str(uuid.uuid5(EVENT_NAMESPACE, f"{self.identity.agent}/{self.identity.epoch}/{sensor}/{seq}"))

    def baseline(self, state: SensorState | None) -> CommissionDocument | None:
        """The baseline of a sensor's machine; None: the sensor is unknown or has none."""
        if state is None or state.commission is None:
            return None
        return CommissionDocument.of(state.commission, self.identity.bundle.sha256)

    def _severity(self, name: str, condition: Condition) -> Severity:
        return condition.severity or self._severities.get(name, Severity.MINOR)

    def _urgency(self, name: str, condition: Condition) -> tuple[bool, bool, bool, int, bool, int]:
        """Sort key.

        Not suppressed by an operator, a machine condition, unacknowledged, severe, of the present bundle, and old come
        first.
        """
        return (
            condition.operator_suppression is not None,
            name in (UNKNOWN, *SENSOR_CONDITIONS),
            condition.state.acked,
            -self._severity(name, condition).rank,
            condition.orphaned,
            condition.since_unix_ns,
        )

    def _condition(self, sensor: str, name: str, condition: Condition) -> ConditionDocument:
        return ConditionDocument(
            condition=name,
            label=condition.label,
            event_id=self.event_id(sensor, condition.seq),
            state=condition.state.in_documents,
            active=condition.state.active,
            acked=condition.state.acked,
            latched=condition.state.latched,
            suppressed_by=condition.suppressed_by,
            severity=self._severity(name, condition),
            since=iso_utc(condition.since_unix_ns),
            decided_at=iso_utc(condition.decided_unix_ns),
            clock_synced=condition.clock_synced,
            confidence=condition.confidence,
            votes=condition.count,
            of=condition.of,
            evidence=None if condition.weight is None else round(condition.weight, 3),
            window_label=condition.window_label,
            acked_by=condition.acked_by,
            shelved_until=iso_utc(until) if (until := condition.shelved_until_unix_ns) else None,
            by=condition.by,
            comment=condition.comment,
            orphaned=condition.orphaned,
            false_alarm=self.event_id(sensor, marked) if (marked := condition.false_alarm_seq) else None,
        )
