"""The verb `forget`: remove a sensor that is gone; its history stays in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.rpc.reply import Work
from drsn.agent.rpc.request import sensor_of

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument


def forget(context: CommandContext, command: CommandDocument, _now_unix_ns: int) -> Work:
    """Drop alarm state, cursor, quota and windows; the loop commits that and empties the retained alarm.

    A retained alarm that bears our agent.id is emptied too if the agent does not have the sensor.
    """
    assert context.forget_sensor is not None, "else it is not offered"
    sensor = sensor_of(command)
    left = None if sensor in context.engine.sensors else context.forget_left(sensor)
    outcome = left or context.engine.forget(sensor, command.by)
    context.forget_sensor(sensor)
    return Work((outcome,))
