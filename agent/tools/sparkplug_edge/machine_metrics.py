"""The metrics of a machine: documents of its agent in, values out. It reads no clock and no network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from pydantic import BaseModel, ValidationError

from drsn.agent.tools.operator.retained_state import AgentId, SeenReason
from drsn.agent.tools.sparkplug_edge.payload import DataType, Metric, Value
from drsn.model.contract import Severity
from drsn.model.iso8601 import unix_ns

Values: TypeAlias = Mapping[str, Value]

SEVERITIES: Final[Mapping[str, int]] = {severity.value: severity.rank + 1 for severity in Severity}
"""Severity -> its number; 0: no alarm."""


class SeenMachine(BaseModel):
    """The fields of an alarm or an event that become metrics; fields of later versions are allowed."""

    agent: AgentId
    state: str
    condition: str | None = None
    event_id: str | None = None
    active: bool = False
    acked: bool = False
    suppressed_by: str | None = None
    severity: str | None = None
    since: str | None = None
    confidence: float | None = None
    not_watched: SeenReason | None = None


class _Source(NamedTuple):
    """What the values are made of."""

    alarm: SeenMachine
    result: Mapping[str, Any]
    """The last result; empty: there is none, or the sensor is not watched, so that an old value would mislead."""


class _Row(NamedTuple):
    datatype: DataType
    value: Callable[[_Source], Value]
    of_event: bool = True
    """An event has it too."""


_INT, _DOUBLE, _BOOL, _TEXT = DataType.INT32, DataType.DOUBLE, DataType.BOOLEAN, DataType.STRING

_ROWS: Final[Mapping[str, _Row]] = {
    "Active": _Row(_BOOL, lambda of: of.alarm.active),
    "Acked": _Row(_BOOL, lambda of: of.alarm.acked or of.alarm.condition is None),
    "Condition": _Row(_TEXT, lambda of: of.alarm.condition or of.alarm.state),
    "Severity": _Row(_INT, lambda of: SEVERITIES.get(of.alarm.severity) if of.alarm.severity else 0),
    "SeverityText": _Row(_TEXT, lambda of: of.alarm.severity or "none"),
    "State": _Row(_TEXT, lambda of: of.alarm.state),
    "EventId": _Row(_TEXT, lambda of: of.alarm.event_id or ""),
    "Since": _Row(DataType.DATETIME, lambda of: milliseconds(of.alarm.since)),
    "Confidence": _Row(_DOUBLE, lambda of: _finite(of.alarm.confidence)),
    "Suppressed": _Row(_TEXT, lambda of: of.alarm.suppressed_by or ""),
    "NotWatched": _Row(_TEXT, lambda of: of.alarm.not_watched.reason if of.alarm.not_watched else "", of_event=False),
    "Agent": _Row(_TEXT, lambda of: of.alarm.agent, of_event=False),
    "RMS": _Row(_DOUBLE, lambda of: _finite(of.result.get("rms")), of_event=False),
    "RMSUnit": _Row(_TEXT, lambda of: of.result.get("unit") or "", of_event=False),
    "Velocity": _Row(_DOUBLE, lambda of: _finite(of.result.get("velocity_rms_mm_s")), of_event=False),
}

MEASURED: Final = frozenset({"RMS", "Velocity"})
"""Metrics that change with each result; they are sent less often."""

COMMANDS: Final[Mapping[str, tuple[DataType, Value]]] = {"Ack": (_TEXT, ""), "Shelve": (_INT, 0)}
"""Metric that a DCMD writes -> its data type, and the value that it shows at all times."""

ANSWER: Final = "LastCommand"
"""Metric with the answer to the last command, as JSON."""

DATATYPES: Final[Mapping[str, DataType]] = {
    **{name: row.datatype for name, row in _ROWS.items()},
    **{name: datatype for name, (datatype, _) in COMMANDS.items()},
    ANSWER: _TEXT,
}
"""All metrics of a machine, in the order of a birth."""


def machine_values(alarm: Mapping[str, Any], result: Mapping[str, Any] | None) -> dict[str, Value] | None:
    """The values of the most urgent condition of a machine; None: the document is not one of this version.

    Args:
        alarm: alarm document of the sensor.
        result: its last result.
    """
    try:
        seen = SeenMachine.model_validate(alarm)
    except ValidationError:
        return None
    source = _Source(seen, {} if result is None or seen.not_watched is not None else result)
    return {name: row.value(source) for name, row in _ROWS.items()}


def event_metrics(event: Mapping[str, Any]) -> list[Metric] | None:
    """The metrics of an event that the host has missed, with the time of the event.

    None: the event is not one of this version, or has no time.
    """
    try:
        seen = SeenMachine.model_validate(event)
    except ValidationError:
        return None
    timestamp_ms = milliseconds(event.get("decided_at")) or milliseconds(seen.since)
    if timestamp_ms is None:
        return None
    source = _Source(seen, {})
    return [
        Metric(name, row.datatype, row.value(source), timestamp_ms, historical=True)
        for name, row in _ROWS.items()
        if row.of_event
    ]


def milliseconds(text: object) -> int | None:
    """A time of a document as ms since 1970; None: it is none."""
    try:
        found = unix_ns(text) // 1_000_000 if isinstance(text, str) else None
    except ValueError:
        return None
    return None if found is None or found < 0 else found


def _finite(number: object) -> float | None:
    return float(number) if isinstance(number, (int, float)) and math.isfinite(number) else None
