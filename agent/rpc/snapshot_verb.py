"""The verb `snapshot`: the newest window of a sensor, in the reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.rpc.reply import Work
from drsn.agent.rpc.request import sensor_of
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument


def snapshot(context: CommandContext, command: CommandDocument, _now_unix_ns: int) -> Work:
    """Copy the newest window from the memory of the evidence."""
    assert context.snapshot_of is not None, "else it is not offered"
    sensor = sensor_of(command)
    context.engine.state(sensor)  # refuses an unknown sensor
    try:
        return Work(snapshot=context.snapshot_of(sensor))
    except BadDataError as error:
        raise RefusedError(str(error)) from None
