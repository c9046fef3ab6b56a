"""The verb `commission`: learn the baseline of a healthy machine, take that of a twin, show it, or undo that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.commissioning import CommissioningRequest
from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.monitoring.baseline_file import BaselineFile
from drsn.agent.rpc.reply import Work
from drsn.agent.rpc.request import sensor_of
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument


def commission(context: CommandContext, command: CommandDocument, _now_unix_ns: int) -> Work:
    """Begin to learn, show, or undo."""
    sensor, engine = sensor_of(command), context.engine
    if command.show:
        return _shown(context, sensor)
    if command.undo:
        before = context.renderer.baseline(engine.sensors.get(sensor))
        outcome = engine.undo_commissioning(sensor, command.by)
        return Work() if outcome is None else Work((outcome,), commission=before)
    try:
        imported = None if command.baseline is None else BaselineFile.of_text(command.baseline)
    except BadDataError as error:
        raise RefusedError(str(error)) from None
    request = CommissioningRequest(
        command.request_id, command.by, command.comment, command.gate, command.despite_alarm, command.seconds, imported
    )
    engine.begin_commissioning(sensor, request)
    return Work(pending=f"0 of {command.seconds or context.commission_s:g} s")


def _shown(context: CommandContext, sensor: str) -> Work:
    state = context.engine.state(sensor)
    if state.commission is None:
        raise RefusedError(f"{sensor} is not commissioned")
    unknown = context.unknown_states().get(sensor, 0)
    return Work(commission=context.renderer.baseline(state), baseline=state.commission.health, unknown_state=unknown)
