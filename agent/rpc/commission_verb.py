"""The verb `commission`: learn the baseline of a healthy machine, or undo that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.commissioning import CommissioningRequest
from drsn.agent.rpc.reply import Work
from drsn.agent.rpc.request import sensor_of

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument


def commission(context: CommandContext, command: CommandDocument, _now_unix_ns: int) -> Work:
    """Begin to learn, or undo."""
    sensor, engine = sensor_of(command), context.engine
    if command.undo:
        before = context.renderer.baseline(engine.sensors.get(sensor))
        outcome = engine.undo_commissioning(sensor, command.by)
        return Work() if outcome is None else Work((outcome,), commission=before)
    request = CommissioningRequest(command.request_id, command.by, command.comment, command.gate)
    engine.begin_commissioning(sensor, request)
    return Work(pending=f"0 of {context.commission_s:g} s")
