"""The rows of the view: documents in, rows out. No clock, no network, no terminal."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.schema.condition_text import condition_text
from drsn.agent.tools.operator.retained_state import SeenAlarm, SeenHealth, SeenSource, SeenStatus
from drsn.agent.tools.operator.table import LIVE, stale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from drsn.agent.tools.live.live_state import LiveState
    from drsn.agent.tools.operator.retained_state import SeenCondition

RANK: Final = {"critical": 0, "major": 1, "minor": 2}
"""Severity -> its place, the most severe first."""

NO_BROKER: Final = "no connection to the broker"
HEALTH_OLD_S: Final = 35.0
"""Three intervals of the health document and a bit: an agent that publishes none for so long does not work."""


@dataclass(frozen=True, slots=True)
class SensorRow:
    """A sensor, or a source that is not watched."""

    sensor: str
    agent: str
    state: str
    """Of the most urgent condition, or `normal`, `not watched`, `STALE`, `no alarm document`."""
    condition: str
    """For people; with the number of further conditions."""
    severity: str
    confidence: float | None
    age_s: float | None
    """Since the last result; None: none has come."""
    windows_per_s: float | None
    note: str
    """Why it is stale, not watched, suppressed or not acknowledged."""
    target: str | None = None
    """The condition that ack and shelve are about; None: there is none."""
    event_id: str | None = None
    suppressed: bool = False
    """An operator has put the alarm aside."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns as text."""
        confidence = "" if self.confidence is None else f"{self.confidence:.0%}"
        rate = "" if self.windows_per_s is None else f"{self.windows_per_s:.1f}"
        named = (self.sensor, self.state, self.condition, self.severity, confidence)
        return (*named, age_text(self.age_s), rate, self.agent, self.note)


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent."""

    agent: str
    state: str
    sensors: int | None
    windows_per_s: float | None
    gaps: int | None
    queue: int | None
    """Packets that wait."""
    p50_ms: float | None
    p99_ms: float | None
    age_s: float | None
    """Since the last health document came."""
    note: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns as text."""
        agent, state, *numbers, age_s, note = astuple(self)
        return (agent, state, *map(_number, numbers), age_text(age_s), note)


SENSOR_COLUMNS: Final = ("SENSOR", "STATE", "CONDITION", "SEVERITY", "CONF", "AGE", "WIN/S", "AGENT", "NOTE")
AGENT_COLUMNS: Final = ("AGENT", "STATE", "SENSORS", "WIN/S", "GAPS", "QUEUE", "P50 MS", "P99 MS", "AGE", "NOTE")


def sensor_rows(live: LiveState, now_s: float, *, connected: bool) -> list[SensorRow]:
    """Return a row for each sensor and each source that is not watched.

    Args:
        live: the documents.
        now_s: monotonic.
        connected: there is a connection to the broker; without one every row is stale.
    """
    retained = live.retained
    old = stale(retained.alarms, retained.statuses)
    rows = [
        _row(live, sensor, SeenAlarm.model_validate(alarm), NO_BROKER if not connected else old.get(sensor), now_s)
        for sensor, alarm in retained.alarms.items()
    ]
    for agent, sources in retained.not_watched().items():
        live_agent = connected and _state(live, agent) in LIVE
        for source in map(SeenSource.model_validate, sources):
            if source.source not in retained.alarms:
                state, why = (
                    ("not watched", "") if live_agent else ("STALE", f"agent {agent} is {_state(live, agent)}; ")
                )
                note = f"{why}{source.reason}: {source.remedy}"
                rows.append(SensorRow(source.source, agent, state, "", "", None, None, None, note))
    return rows


def agent_rows(live: LiveState, now_s: float, *, connected: bool) -> list[AgentRow]:
    """Return a row for each agent; the arguments are those of `sensor_rows`."""
    retained = live.retained
    names = sorted({*retained.statuses, *retained.healths})
    return [_agent_row(live, agent, now_s, connected=connected) for agent in names]


def arranged(rows: Iterable[SensorRow], sort: str, text: str, *, alarms_only: bool) -> list[SensorRow]:
    """Return the rows that contain a text, sorted.

    Args:
        rows: of `sensor_rows`.
        sort: one of `arguments.SORTS`.
        text: that a cell contains, whatever the case; empty: all rows.
        alarms_only: leave out sensors that are normal.
    """
    wanted = text.lower()
    found = [row for row in rows if not (alarms_only and row.state == "normal")]
    found = [row for row in found if not wanted or any(wanted in cell.lower() for cell in row.cells)]
    return sorted(found, key=lambda row: (_SORT_KEYS[sort](row), row.sensor))


def age_text(age_s: float | None) -> str:
    """Return an age as `4 s`, `12 min` or `3 h`; empty for None."""
    if age_s is None:
        return ""
    if age_s < 100:
        return f"{max(age_s, 0):.0f} s"
    return f"{age_s / 60:.0f} min" if age_s < 6000 else f"{age_s / 3600:.0f} h"


def _row(live: LiveState, sensor: str, alarm: SeenAlarm, old: str | None, now_s: float) -> SensorRow:
    result = live.results.get(sensor)
    first = next(iter(alarm.conditions), None)
    age_s = None if result is None else now_s - result.received_s
    notes = [] if old is None else [old]
    if alarm.not_watched is not None:
        notes.append(f"{alarm.not_watched.reason}: {alarm.not_watched.remedy}")
    if first is not None:
        notes += _condition_notes(first)
    state = "normal" if first is None else first.state
    if first is None and alarm.not_watched is not None:
        state = "not watched"
    confidence = _confidence(first, result.document if result else None)
    return SensorRow(
        sensor=sensor,
        agent=alarm.agent,
        state="STALE" if old is not None else state,
        condition=_condition(alarm, result.document if result else None),
        severity="" if first is None else first.severity,
        confidence=confidence,
        age_s=age_s,
        windows_per_s=None if result is None else result.windows_per_s,
        note="; ".join(notes),
        target=None if first is None else first.condition,
        event_id=None if first is None else first.event_id,
        suppressed=first is not None and first.suppressed_by in ("shelved", "out_of_service"),
    )


def _condition(alarm: SeenAlarm, result: Mapping[str, Any] | None) -> str:
    """The conditions that stand, else in brackets what the last windows are."""
    if not alarm.conditions:
        return "" if result is None else f"[{condition_text(result['condition'], None)}]"
    more = f" +{len(alarm.conditions) - 1}" if len(alarm.conditions) > 1 else ""
    return f"{condition_text(alarm.conditions[0].condition, alarm.conditions[0].label)}{more}"


def _condition_notes(condition: SeenCondition) -> Iterator[str]:
    if condition.suppressed_by:
        until = f" until {condition.shelved_until}" if condition.shelved_until else ""
        yield f"{condition.suppressed_by}{until}"
    if condition.latched:
        yield "latched"
    if condition.acked_by:
        yield f"acknowledged by {condition.acked_by}"
    yield f"since {condition.since}"


def _confidence(condition: SeenCondition | None, result: Mapping[str, Any] | None) -> float | None:
    value = condition.confidence if condition is not None else None if result is None else result["confidence"]
    return value if value is not None and math.isfinite(value) else None


def _agent_row(live: LiveState, agent: str, now_s: float, *, connected: bool) -> AgentRow:
    retained = live.retained
    health = SeenHealth.model_validate(retained.healths.get(agent, {}))
    status = SeenStatus.model_validate(retained.statuses.get(agent, {"state": "no status"}))
    age_s = now_s - live.health_s[agent] if agent in live.health_s else None
    notes = [*status.reasons, *status.warnings]
    state = status.state
    if not connected:
        state, notes = "STALE", [NO_BROKER, *notes]
    elif state in LIVE and age_s is not None and age_s > HEALTH_OLD_S:
        state, notes = "STALE", [f"no health document for {age_text(age_s)}", *notes]
    return AgentRow(
        agent=agent,
        state=state,
        sensors=health.sensors,
        windows_per_s=live.windows_per_s.get(agent),
        gaps=health.gaps,
        queue=health.inbox,
        p50_ms=health.latency_ms.get("p50"),
        p99_ms=health.latency_ms.get("p99"),
        age_s=age_s,
        note="; ".join(notes),
    )


def _state(live: LiveState, agent: str) -> str:
    return str(live.retained.statuses.get(agent, {}).get("state", "unknown here"))


def _number(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.1f}"


def _urgency(row: SensorRow) -> tuple[bool, bool, int, bool]:
    """Alarms first, those that an operator has put aside after the others, then by severity, unacknowledged first."""
    return row.target is None, row.suppressed, RANK.get(row.severity, 3), row.state != "active_unacked"


_SORT_KEYS: Final[dict[str, Callable[[SensorRow], Any]]] = {
    "urgency": lambda row: (*_urgency(row), row.state == "normal"),
    "sensor": lambda row: row.sensor,
    "age": lambda row: -math.inf if row.age_s is None else -row.age_s,
    "rate": lambda row: 0.0 if row.windows_per_s is None else -row.windows_per_s,
    "confidence": lambda row: 1.0 if row.confidence is None else -row.confidence,
}
