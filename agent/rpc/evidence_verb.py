"""The verb `evidence`: the record of an event is published on `<prefix>/<sensor>/evidence/<event_id>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.rpc.event_lookup import sensor_of_event
from drsn.agent.rpc.reply import Work
from drsn.model.errors import BadDataError, StorageError

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument


def evidence(context: CommandContext, command: CommandDocument, _now_unix_ns: int) -> Work:
    """Read the record from the state directory."""
    from drsn.agent.evidence.retrieval import payload_of  # noqa: PLC0415 (imported with the first such command)

    assert context.state_dir is not None, "else it is not offered"
    if command.event_id is None:
        raise RefusedError("event_id: missing; name the event")
    sensor = command.sensor or sensor_of_event(context, command.event_id)
    try:
        payload = payload_of(context.state_dir, sensor, command.event_id)
    except (BadDataError, StorageError) as error:
        raise RefusedError(str(error)) from None
    return Work(publish=((context.topics.evidence(sensor, command.event_id), payload),), sensor=sensor)
