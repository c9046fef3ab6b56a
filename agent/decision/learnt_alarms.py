"""What commissioning does with alarms: a machine that is learnt as healthy has no fault. No clock, no I/O.

When a baseline has been learnt, each alarm that it was learnt despite, and each that an operator has marked as a false
alarm, ends: its state is normal, its shelving is over, and its votes begin anew. If the windows still show it, its rule
raises it again, and nothing suppresses it then: the baseline does not remove this alarm. So a shelving does not hide a
real fault of the same condition that comes later. `vibration_level` goes on, for no baseline moves its limits; so do
the conditions of the sensor.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_state import (
    SENSOR_CONDITIONS,
    TRANSITIONS,
    AnyFault,
    Change,
    SensorState,
    Signal,
    State,
    with_event,
)
from drsn.agent.decision.voting import Votes
from drsn.agent.monitoring.findings import VIBRATION_LEVEL

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_state import Condition
    from drsn.agent.decision.baseline import Baseline

NOT_LEARNT = (VIBRATION_LEVEL, *SENSOR_CONDITIONS)
"""Conditions that a baseline does not change."""


def end_alarms(sensor: SensorState, decided_unix_ns: int) -> tuple[SensorState, list[Change]]:
    """End the alarms of a sensor that has just been commissioned; return the sensor after that and its changes.

    Args:
        sensor: with its new baseline, which names who commanded it and which alarms stood.
        decided_unix_ns: the agent's clock.
    """
    baseline = sensor.commission
    if baseline is None:
        return sensor, []
    after, changed = dict(sensor.conditions), list[Change]()
    for name, condition in sensor.conditions.items():
        if name in NOT_LEARNT or not (name in baseline.despite or condition.false_alarm_seq):
            continue
        ended = _ended(condition, baseline, decided_unix_ns)
        if ended is not None:
            after[name] = with_event(ended, sensor.seq + len(changed) + 1)
            changed.append(Change(name, after[name]))
    if not changed:
        return sensor, []
    return replace(sensor, conditions=after, seq=sensor.seq + len(changed), any_fault=AnyFault()), changed


def _ended(condition: Condition, baseline: Baseline, decided_unix_ns: int) -> Condition | None:
    """The condition without its alarm and its shelving; None: it has neither."""
    if condition.state is State.NORMAL and not condition.shelved_until_unix_ns:
        return None
    ended = replace(
        condition,
        state=TRANSITIONS.get((condition.state, Signal.LEARN), condition.state),
        votes=Votes(),
        evidence=0.0,
        held_ns=0,
        shelved_until_unix_ns=0,
        since_unix_ns=decided_unix_ns if condition.state.active else condition.since_unix_ns,
        decided_unix_ns=decided_unix_ns,
        by=baseline.by,
        comment=baseline.comment,
    )
    return replace(ended, suppressed_by=ended.operator_suppression)
