"""The verbs that act on alarms: `ack`, `reset`, `shelve`, `unshelve`, `out_of_service`, `in_service`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.operator_action import OperatorAction, RefusedError
from drsn.agent.rpc.reply import Work
from drsn.agent.rpc.request import sensor_of

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument

NS = 1_000_000_000


def ack(context: CommandContext, command: CommandDocument, now_unix_ns: int) -> Work:
    """Acknowledge an alarm by the event that was seen."""
    if command.event_id is None:
        raise RefusedError("event_id: missing; an acknowledgement needs the event that the operator has seen")
    return _on_alarm("ack", context, command, now_unix_ns)


def reset(context: CommandContext, command: CommandDocument, now_unix_ns: int) -> Work:
    """Reset a latched alarm whose cause is gone."""
    return _on_alarm("reset", context, command, now_unix_ns)


def shelve(context: CommandContext, command: CommandDocument, now_unix_ns: int) -> Work:
    """Suppress alarms for some time."""
    if command.duration_s is None:
        raise RefusedError("duration_s: missing; give a time of 8 hours at most")
    return _on_alarm("shelve", context, command, now_unix_ns)


def unshelve(context: CommandContext, command: CommandDocument, now_unix_ns: int) -> Work:
    """End a shelving."""
    return _on_alarm("unshelve", context, command, now_unix_ns)


def out_of_service(context: CommandContext, command: CommandDocument, now_unix_ns: int) -> Work:
    """Suppress alarms until `in_service`."""
    return _on_alarm("out_of_service", context, command, now_unix_ns)


def in_service(context: CommandContext, command: CommandDocument, now_unix_ns: int) -> Work:
    """End `out_of_service`."""
    return _on_alarm("in_service", context, command, now_unix_ns)


def _on_alarm(verb: str, context: CommandContext, command: CommandDocument, now_unix_ns: int) -> Work:
    sensor = sensor_of(command)
    action = OperatorAction(
        verb,
        command.by,
        command.comment,
        command.condition,
        seq=_seq(context, sensor, command.condition, command.event_id),
        until_unix_ns=now_unix_ns + round((command.duration_s or 0) * NS),
    )
    return Work((context.engine.operate(sensor, action, now_unix_ns),))


def _seq(context: CommandContext, sensor: str, name: str | None, event_id: str | None) -> int | None:
    """The `seq` of an event of this alarm as it stands; None: no event or no such condition is named.

    Raises:
        RefusedError: the sensor is unknown, or the event is not of this alarm.
    """
    condition = context.engine.state(sensor).conditions.get(name or "")
    if event_id is None or condition is None:
        return None
    for seq in (*condition.told, condition.seq):
        if seq and context.renderer.event_id(sensor, seq) == event_id:
            return seq
    raise RefusedError("this event does not belong to the present alarm; read the alarm again")
