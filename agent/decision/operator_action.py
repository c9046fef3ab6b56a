"""Operator actions on a sensor's alarms, in the terms of OPC UA Part 9. No clock, no I/O.

Shelving is by the wall clock and lasts `MAX_SHELF_NS` at most. If the clock is set back, it lasts so much longer, but
never more than `MAX_SHELF_NS` from the new time on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_logic import suppressor, update_suppression
from drsn.agent.decision.alarm_state import (
    SENSOR_CONDITIONS,
    TRANSITIONS,
    Change,
    Condition,
    SensorState,
    Signal,
    State,
    with_event,
)
from drsn.agent.decision.diagnosis import SENSOR_FAULT
from drsn.model.suggestion import did_you_mean

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_state import Suppressor
    from drsn.agent.decision.policy import Policy

MAX_SHELF_NS = 8 * 3600 * 1_000_000_000

SHELVES = ("shelve", "false_alarm")
"""Verbs that shelve."""

_AS_LATCHED = {State.ACTIVE_UNACKED: State.LATCHED_UNACKED, State.ACTIVE_ACKED: State.LATCHED_ACKED}
"""How an orphan is reset: as an alarm whose cause is gone."""


class RefusedError(Exception):
    """A command can't be carried out. The message is the reason in its answer."""


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """One action of an operator, on one condition of one sensor or on all of them."""

    verb: str
    by: str
    comment: str | None = None
    condition: str | None = None
    """None: all conditions, where the verb allows it."""
    seq: int | None = None
    """Number of the event that the operator has seen; 0: the agent has no such event."""
    until_unix_ns: int = 0
    """End of a shelving by the wall clock; used by `SHELVES` only."""


Act = Callable[[str, Condition, OperatorAction, "Policy"], Condition]


def apply(
    sensor: SensorState, action: OperatorAction, policy: Policy, now_unix_ns: int
) -> tuple[SensorState, list[Change]]:
    """Apply an operator's action; return the sensor after it and its changes, one for each condition.

    Args:
        sensor: before it.
        action: the action, and who commands it.
        policy: of the sensor.
        now_unix_ns: the wall clock.

    Raises:
        RefusedError: an unknown condition or event, or not possible in this state. Nothing has changed.
    """
    names = _names(sensor, action)
    if action.verb in SHELVES and not 0 < action.until_unix_ns - now_unix_ns <= MAX_SHELF_NS:
        raise RefusedError("a shelving lasts 8 hours at most")
    after: dict[str, Condition] = dict(sensor.conditions)
    changed: list[Change] = []
    for name in names:
        now = ACTIONS[action.verb](name, after[name], action, policy)
        if now != after[name]:
            now = replace(
                with_event(now, sensor.seq + len(changed) + 1),
                suppressed_by=now.operator_suppression or _agent_suppression(name, now, sensor, policy),
                since_unix_ns=now.since_unix_ns or now_unix_ns,
                decided_unix_ns=now_unix_ns,
                by=action.by,
                comment=action.comment,
            )
            after[name] = now
            changed.append(Change(name, now))
    if not changed:
        raise RefusedError(f"{action.verb}: nothing to do, this is already the state")
    return replace(sensor, conditions=after, seq=sensor.seq + len(changed)), changed


def shelving_is_over(until_unix_ns: int, now_unix_ns: int) -> bool:
    """Whether a shelving has ended, by the wall clock; also if that was set back so far that it would last too long."""
    return not now_unix_ns < until_unix_ns <= now_unix_ns + MAX_SHELF_NS


def unshelve_expired(sensor: SensorState, policy: Policy, now_unix_ns: int) -> tuple[SensorState, list[Change]]:
    """End the shelvings whose time is over; return the sensor after that and its changes."""
    over = [
        name
        for name, c in sensor.conditions.items()
        if c.shelved_until_unix_ns and shelving_is_over(c.shelved_until_unix_ns, now_unix_ns)
    ]
    ended = {name: replace(sensor.conditions[name], shelved_until_unix_ns=0) for name in over}
    after = {**sensor.conditions, **ended}
    by = suppressor(after, sensor.gate, policy)
    names = update_suppression(after, by, policy, sensor.seq, now_unix_ns)
    for name in [name for name in over if name not in names]:  # also out of service: only the shelving has ended
        names.append(name)
        condition = with_event(after[name], sensor.seq + len(names))
        after[name] = replace(condition, decided_unix_ns=now_unix_ns, by=None, comment=None)
    changed = [Change(name, after[name]) for name in names]
    return replace(sensor, conditions=after, seq=sensor.seq + len(changed)), changed


def _names(sensor: SensorState, action: OperatorAction) -> list[str]:
    if action.condition is None:
        if action.verb in ("ack", "reset", "false_alarm"):
            raise RefusedError(f"{action.verb}: name the condition")
        return list(sensor.conditions)
    if action.condition not in sensor.conditions:
        known = ", ".join(sensor.conditions)
        near = did_you_mean(action.condition, sensor.conditions)
        raise RefusedError(f"no condition {action.condition!r} at this sensor; it has {known}{near}")
    return [action.condition]


def _agent_suppression(name: str, condition: Condition, sensor: SensorState, policy: Policy) -> Suppressor | None:
    """What suppresses the condition while no operator does; None: nothing."""
    stands = condition.state is not State.NORMAL and name not in SENSOR_CONDITIONS
    return suppressor(sensor.conditions, sensor.gate, policy) if stands else None


def _ack(name: str, condition: Condition, action: OperatorAction, _policy: Policy) -> Condition:
    if action.seq not in (*condition.told, condition.seq):
        raise RefusedError(f"ack: this event does not belong to the present alarm {name}; read the alarm again")
    return _signalled(name, condition, Signal.ACK, action)


def _reset(name: str, condition: Condition, action: OperatorAction, policy: Policy) -> Condition:
    if condition.orphaned:  # nothing can find out whether it is still there
        condition = replace(condition, state=_AS_LATCHED.get(condition.state, condition.state))
    if condition.state.active:
        raise RefusedError(f"reset: {name} is still active")
    return _signalled(name, condition, Signal.RESET_REQUIRE_ACK if policy.require_ack else Signal.RESET, action)


def _signalled(name: str, condition: Condition, signal: Signal, action: OperatorAction) -> Condition:
    state = TRANSITIONS.get((condition.state, signal))
    if state is None:
        seen = f", acknowledged by {condition.acked_by}" if condition.acked_by and action.verb == "ack" else ""
        raise RefusedError(f"{action.verb}: {name} is {condition.state.value}{seen}")
    return replace(condition, state=state, acked_by=action.by if signal is Signal.ACK else condition.acked_by)


def _shelve(_name: str, condition: Condition, action: OperatorAction, _policy: Policy) -> Condition:
    return replace(condition, shelved_until_unix_ns=action.until_unix_ns)


def _unshelve(_name: str, condition: Condition, _action: OperatorAction, _policy: Policy) -> Condition:
    return replace(condition, shelved_until_unix_ns=0)


def is_marked(condition: Condition, seq: int) -> bool:
    """Whether a false alarm is handled already: its event is marked, and while the alarm stands it is shelved."""
    if condition.state is State.NORMAL:
        return condition.false_alarm_seq == seq
    return bool(condition.false_alarm_seq and condition.shelved_until_unix_ns)


def _false_alarm(name: str, condition: Condition, action: OperatorAction, _policy: Policy) -> Condition:
    """Mark the event, and acknowledge and shelve the alarm while it stands. An alarm that is over is only marked."""
    if name in SENSOR_CONDITIONS:
        remedy = "sensor_faults.ignore leaves a check out" if name == SENSOR_FAULT else "shelve it"
        raise RefusedError(f"false_alarm: {name} is a condition of the sensor, not of the machine; {remedy}")
    if action.seq is None or not condition.label:
        raise RefusedError(f"false_alarm: {name} was never raised here; name an event of an alarm")
    if is_marked(condition, action.seq):
        return condition
    state = TRANSITIONS.get((condition.state, Signal.ACK), condition.state)
    if state is State.NORMAL:
        return replace(condition, state=state, false_alarm_seq=action.seq)
    if action.seq not in (*condition.told, condition.seq):
        raise RefusedError(f"false_alarm: the event is of an earlier alarm of {name}; name the one that stands now")
    return replace(
        condition,
        state=state,
        acked_by=condition.acked_by or action.by,
        false_alarm_seq=condition.false_alarm_seq or action.seq,
        shelved_until_unix_ns=max(condition.shelved_until_unix_ns, action.until_unix_ns),
    )


def _out_of_service(_name: str, condition: Condition, _action: OperatorAction, _policy: Policy) -> Condition:
    return replace(condition, out_of_service=True)


def _in_service(_name: str, condition: Condition, _action: OperatorAction, _policy: Policy) -> Condition:
    return replace(condition, out_of_service=False)


ACTIONS: dict[str, Act] = {
    "ack": _ack,
    "reset": _reset,
    "shelve": _shelve,
    "unshelve": _unshelve,
    "out_of_service": _out_of_service,
    "in_service": _in_service,
    "false_alarm": _false_alarm,
}
"""Verb -> the condition after it."""
