"""The way back of `render`: the alarm state of a sensor from its retained document."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from drsn.agent.decision.alarm_state import Condition, SensorState, State
from drsn.agent.schema.documents import AlarmDocument
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from drsn.agent.schema.documents import ConditionDocument

MAX_CONDITIONS = 64
"""A bundle has ten conditions; an agent writes no document with many more."""

MAX_CHARS = 64
"""Longest name of a condition, as in a command."""


MAX_REASON = 100
"""Characters of a reason."""


def alarm_of(payload: bytes) -> AlarmDocument:
    """Read a retained alarm.

    Raises:
        BadDataError: no agent of this version wrote it.
    """
    try:
        document = AlarmDocument.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadDataError(f"{first['loc'][0] if first['loc'] else 'document'}: {first['msg']}"[:MAX_REASON]) from None
    names = [each.condition for each in document.conditions]
    if len(names) > MAX_CONDITIONS or len(set(names)) < len(names):
        raise BadDataError(f"{len(names)} conditions, {len(set(names))} of them different")
    if any(not 0 < len(name) <= MAX_CHARS or not name.isprintable() for name in names):
        raise BadDataError("the name of a condition is empty, too long or not printable")
    return document


def state_of(document: AlarmDocument) -> SensorState:
    """The alarm state that the document shows, without numbers of events.

    A shelving is not taken over, because its end is the only thing that would end it, and the clock may be another one.
    So is the mark of a false alarm: it is the number of an event, and those begin anew.

    Raises:
        BadDataError: a time is none.
    """
    return SensorState({each.condition: _condition(each) for each in document.conditions})


def _condition(document: ConditionDocument) -> Condition:
    shelved = document.suppressed_by == "shelved"
    return Condition(
        state=_state(document),
        suppressed_by=None if shelved else document.suppressed_by,
        since_unix_ns=_unix_ns(document.since),
        decided_unix_ns=_unix_ns(document.decided_at),
        label=document.label,
        window_label=document.window_label,
        confidence=document.confidence,
        count=document.votes,
        of=document.of,
        weight=document.evidence,
        clock_synced=document.clock_synced,
        severity=document.severity,
        acked_by=document.acked_by,
        out_of_service=document.suppressed_by == "out_of_service",
        by=document.by,
        comment=document.comment,
    )


def _state(document: ConditionDocument) -> State:
    if document.latched:
        return State.LATCHED_ACKED if document.acked else State.LATCHED_UNACKED
    return State(document.state)


def _unix_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return round(moment.timestamp() * 1000) * 1_000_000
    except (ValueError, OverflowError):
        raise BadDataError(f"{text[:MAX_CHARS]!r} is not a time") from None
