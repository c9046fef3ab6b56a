"""Finds the record of an event in the files, as one MQTT message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.evidence import npz_form
from drsn.agent.evidence.json_form import MAX_BYTES, to_message
from drsn.agent.evidence.record_files import FOLDER, find, read_file
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path


def payload_of(state_dir: Path, sensor: str, event_id: str, max_bytes: int = MAX_BYTES) -> bytes:
    """Make the message of an event's record.

    Args:
        state_dir: of the agent.
        sensor: of the event.
        event_id: from the request; any text.
        max_bytes: of the message; older windows are left out until it fits.

    Raises:
        BadDataError: there is no record of the event, its file is damaged, or not one window fits.
        StorageError: the file can't be read.
    """
    path = find(state_dir / FOLDER, event_id)
    if path is None or path.parent.name != sensor:
        raise BadDataError(
            "there is no evidence of this event: it was deleted (evidence.quota_mb), "
            "or evidence is off (evidence.windows = 0)"
        )
    try:
        record = npz_form.from_bytes(read_file(path, npz_form.MAX_BYTES))
    except BadDataError as error:
        raise BadDataError(f"the record is damaged: {error}") from None
    payload = to_message(record, max_bytes)
    if payload is None:
        raise BadDataError(
            f"one window has more than {max_bytes} bytes; use drsn-agent evidence on the agent's machine"
        )
    return payload
