"""The verb `trend`: hours and days of a sensor, and when its velocity reaches the next zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.rpc.reply import Work
from drsn.agent.rpc.request import sensor_of

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument


def trend(context: CommandContext, command: CommandDocument, _now_unix_ns: int) -> Work:
    """Read what is kept of the sensor."""
    assert context.trend_of is not None, "else it is not offered"
    sensor = sensor_of(command)
    context.engine.state(sensor)  # refuses an unknown sensor
    return Work(trend=context.trend_of(sensor))
