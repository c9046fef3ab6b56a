"""Adoption: a sensor whose alarm state was kept outside the journal, in its retained document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_engine import Outcome
from drsn.agent.decision.alarm_state import Change, SensorState, with_event
from drsn.agent.decision.diagnosis import ANY_FAULT
from drsn.agent.decision.orphans import marked
from drsn.agent.monitoring.findings import OBSERVED

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_engine import AlarmEngine


def adopt(engine: AlarmEngine, name: str, sensor: SensorState, comment: str) -> Outcome:
    """Add a sensor to an engine; each condition that stands becomes an event, so that it can be acknowledged.

    Args:
        engine: it does not have the sensor.
        name: of the sensor.
        sensor: its state; its `seq` is the number of its last event.
        comment: of the events.
    """
    known = [key for key in engine.sensors.conditions if key not in (ANY_FAULT, *OBSERVED)]
    conditions = {**SensorState.new(known).conditions, **sensor.conditions}
    sensor = marked(replace(sensor, conditions=conditions), known)
    conditions = dict(sensor.conditions)
    changes: list[Change] = []
    for key, condition in sensor.standing.items():
        numbered = with_event(replace(condition, comment=comment, by=None), sensor.seq + len(changes) + 1)
        conditions[key] = numbered
        changes.append(Change(key, numbered))
    sensor = replace(sensor, conditions=conditions, seq=sensor.seq + len(changes))
    engine.sensors[name] = sensor
    return Outcome(name, None, sensor, tuple(changes))
