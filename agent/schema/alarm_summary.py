"""The alarms of one agent in one document: for dashboards, and for brokers without retained messages by wildcard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, DocumentState, Suppressor
from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.agent.schema.not_watched import NotWatchedSource
from drsn.model.contract import Frozen, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from drsn.agent.schema.documents import AlarmDocument, ConditionDocument
    from drsn.agent.schema.render import Identity

VERSION: Final = 1

MAX_CONDITIONS: Final = 150
"""Conditions in one document, and with `MAX_SOURCES` never more than 128 KiB: the least limit of a broker (AWS IoT)."""

MAX_SOURCES: Final = 50
"""Sources that are not watched in one document."""


class SummaryCondition(Frozen):
    """One condition of a sensor; the sensor's own alarm document has the rest."""

    condition: str
    label: str
    event_id: str = Field(description="Id of the last event; `ack` needs it.")
    state: DocumentState
    active: bool
    acked: bool
    latched: bool
    suppressed_by: Suppressor | None
    severity: Severity
    since: str
    acked_by: str | None
    shelved_until: str | None
    false_alarm: str | None = Field(default=None, description="event that is marked as a false alarm")


class SummarySensor(Frozen):
    """A sensor with a condition that is not normal, or that is shelved or out of service."""

    sensor: str
    seq: int = Field(ge=0, description="Number of the last event in this document.")
    conditions: tuple[SummaryCondition, ...] = Field(description="The most urgent condition first.")


class SummaryCounts(Frozen):
    """Counts of everything, also of what the bounded lists leave out."""

    sensors: int = Field(description="Sensors with an alarm document.")
    not_normal: int = Field(description="Sensors with a condition that is not normal.")
    active: int = Field(description="Active conditions.")
    unacked: int = Field(description="Conditions that are not acknowledged.")
    suppressed: int = Field(description="Conditions that are suppressed.")
    critical: int = Field(description="Active, unsuppressed conditions of this severity.")
    major: int
    minor: int
    not_watched: int = Field(description="Sources of packets that are not diagnosed.")


class AlarmsDocument(Frozen, defer_build=True):
    """`<prefix>/_agent/<id>/alarms`, retained: every alarm of one agent, and what it does not watch."""

    v: Literal[1] = VERSION
    agent: str
    epoch: str
    counts: SummaryCounts
    alarms: tuple[SummarySensor, ...] = Field(
        description=f"The most urgent sensor first; {MAX_CONDITIONS} conditions at most. `counts` counts all."
    )
    not_watched: tuple[NotWatchedSource, ...] = Field(description=f"{MAX_SOURCES} at most. `counts` counts all.")


def summary_of(
    identity: Identity,
    sensors: int,
    standing: Iterable[AlarmDocument],
    sources: Sequence[NotWatchedSource],
    total: int,
) -> AlarmsDocument:
    """Make the document.

    Args:
        identity: the sender.
        sensors: number of sensors with an alarm document.
        standing: the alarms that have conditions.
        sources: that are not watched; the first ones are listed.
        total: number of all of them.
    """
    ordered = sorted(standing, key=lambda alarm: _urgency(alarm.conditions[0]))
    return AlarmsDocument(
        agent=identity.agent,
        epoch=identity.epoch,
        counts=_counts(sensors, ordered, total),
        alarms=tuple(_listed(ordered)),
        not_watched=tuple(sources[:MAX_SOURCES]),
    )


def _counts(sensors: int, standing: Sequence[AlarmDocument], total: int) -> SummaryCounts:
    conditions = [each for alarm in standing for each in alarm.conditions if each.state != "normal"]
    unsuppressed = [each.severity for each in conditions if each.active and each.suppressed_by is None]
    return SummaryCounts(
        sensors=sensors,
        not_normal=sum(any(each.state != "normal" for each in alarm.conditions) for alarm in standing),
        active=sum(each.active for each in conditions),
        unacked=sum(not each.acked for each in conditions),
        suppressed=sum(each.suppressed_by is not None for each in conditions),
        critical=unsuppressed.count(Severity.CRITICAL),
        major=unsuppressed.count(Severity.MAJOR),
        minor=unsuppressed.count(Severity.MINOR),
        not_watched=total,
    )


def _listed(ordered: Iterable[AlarmDocument]) -> Iterator[SummarySensor]:
    left = MAX_CONDITIONS
    for alarm in ordered:
        left -= len(alarm.conditions)
        if left < 0:
            return
        kept = set(SummaryCondition.model_fields)
        conditions = tuple(SummaryCondition(**each.model_dump(include=kept)) for each in alarm.conditions)
        yield SummarySensor(sensor=alarm.sensor, seq=alarm.seq, conditions=conditions)


def _urgency(condition: ConditionDocument) -> tuple[bool, bool, bool, int, str]:
    """Sort key, as for the conditions of one sensor (`Renderer`)."""
    return (
        condition.suppressed_by in ("shelved", "out_of_service"),
        condition.condition in (UNKNOWN, *SENSOR_CONDITIONS),
        condition.acked,
        -condition.severity.rank,
        condition.since,
    )
