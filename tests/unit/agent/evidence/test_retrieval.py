from __future__ import annotations

import pytest

from drsn.agent.evidence.json_form import from_message
from drsn.agent.evidence.npz_form import to_bytes
from drsn.agent.evidence.record_files import FOLDER, RecordFiles, find
from drsn.agent.evidence.retrieval import payload_of
from drsn.model.errors import BadDataError


@pytest.fixture
def state_dir(tmp_path, record):
    RecordFiles(tmp_path / FOLDER, 1 << 20, 0).put(record.event.sensor, record.event.event_id, to_bytes(record))
    return tmp_path


def test_an_event_is_answered_in_one_message(state_dir, record):
    payload = payload_of(state_dir, record.event.sensor, record.event.event_id)
    assert from_message(payload).header == record.header
    assert len(payload_of(state_dir, record.event.sensor, record.event.event_id, len(payload) - 1)) < len(payload)


def test_a_refusal_names_its_reason(state_dir, record):
    for event_id in ("", "../../x", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(BadDataError, match="nothing is kept"):
            payload_of(state_dir, record.event.sensor, event_id)
    with pytest.raises(BadDataError, match="one window has more than"):
        payload_of(state_dir, record.event.sensor, record.event.event_id, 500)
    find(state_dir / FOLDER, record.event.event_id).write_bytes(b"PK")
    with pytest.raises(BadDataError, match="damaged"):
        payload_of(state_dir, record.event.sensor, record.event.event_id)
