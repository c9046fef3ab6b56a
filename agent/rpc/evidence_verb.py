"""The verb `evidence`: what is kept of an event goes out on `<prefix>/<sensor>/evidence/<event_id>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.evidence.retrieval import payload_of
from drsn.agent.rpc.dispatcher import Work, sensor_of
from drsn.model.errors import BadDataError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.schema.documents import CommandDocument


def verb(state_dir: Path, topics: Topics) -> Callable[[CommandDocument, int], Work]:
    """What does it, from the files of the agent's state directory."""

    def send(command: CommandDocument, _now_unix_ns: int) -> Work:
        sensor = sensor_of(command)
        if command.event_id is None:
            raise RefusedError("event_id: say of which event")
        try:
            payload = payload_of(state_dir, sensor, command.event_id)
        except (BadDataError, StorageError) as error:
            raise RefusedError(str(error)) from None
        return Work(kept=False, publish=((topics.evidence(sensor, command.event_id), payload),))

    return send
