"""The verb `evidence`: the record of an event is published on `<prefix>/<sensor>/evidence/<event_id>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.rpc.reply import Work
from drsn.agent.rpc.request import sensor_of
from drsn.model.errors import BadDataError, StorageError

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument


def evidence(context: CommandContext, command: CommandDocument, _now_unix_ns: int) -> Work:
    """Read the record from the state directory."""
    from drsn.agent.evidence.retrieval import payload_of  # noqa: PLC0415 (imported with the first such command)

    assert context.state_dir is not None, "else it is not offered"
    sensor = sensor_of(command)
    if command.event_id is None:
        raise RefusedError("event_id: missing; name the event")
    try:
        payload = payload_of(context.state_dir, sensor, command.event_id)
    except (BadDataError, StorageError) as error:
        raise RefusedError(str(error)) from None
    return Work(publish=((context.topics.evidence(sensor, command.event_id), payload),))
