"""The verb `false_alarm`: mark an event as a false alarm, and shelve its condition while the alarm stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_state import Change
from drsn.agent.decision.operator_action import MAX_SHELF_NS, OperatorAction, RefusedError, is_marked
from drsn.agent.rpc.event_lookup import event_of, sensor_of_event, with_evidence
from drsn.agent.rpc.reply import Work

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument

NS = 1_000_000_000


def false_alarm(context: CommandContext, command: CommandDocument, now_unix_ns: int) -> Work:
    """Mark, acknowledge and shelve; a repeated command changes nothing and gets the event that stands."""
    if command.event_id is None:
        raise RefusedError("event_id: name the event that is a false alarm")
    sensor = command.sensor or sensor_of_event(context, command.event_id)
    event = event_of(context, sensor, command.event_id)
    condition = context.engine.state(sensor).conditions.get(event.condition)
    if condition is None:
        raise RefusedError(f"false_alarm: the present bundle does not have {event.condition}; that alarm is over")
    evidence = with_evidence(context, sensor, (event.seq, *(condition.told if event.seq in condition.told else ())))
    if is_marked(condition, event.seq):
        standing = context.renderer.event(sensor, Change(event.condition, condition))
        return Work(events=(standing,), sensor=sensor, evidence=evidence)
    shelve_ns = MAX_SHELF_NS if command.duration_s is None else round(command.duration_s * NS)
    action = OperatorAction(
        "false_alarm",
        command.by,
        command.comment,
        event.condition,
        seq=event.seq,
        until_unix_ns=now_unix_ns + shelve_ns,
    )
    return Work((context.engine.operate(sensor, action, now_unix_ns),), sensor=sensor, evidence=evidence)
