from __future__ import annotations

import numpy as np
import pytest
from witness import BEARING, tell

from drsn.agent.backends.fake import tone_of
from drsn.agent.evidence.snapshot import MAX_SAMPLES, document_of, snapshot_of
from drsn.agent.schema.evidence import SnapshotDocument
from drsn.model.errors import BadDataError


@pytest.fixture
def document(contract) -> SnapshotDocument:
    story = tell(contract, "normal", "ball", "normal", "ball")
    copy = story.recorder.newest("press4", MAX_SAMPLES)
    return document_of(copy, contract, BEARING, 1750.0)


def test_it_has_the_newest_window_only(contract, document):
    snapshot = snapshot_of(SnapshotDocument.model_validate_json(document.model_dump_json()))
    (window,) = snapshot.header.windows
    assert (window.condition, snapshot.header.bearing, snapshot.header.rpm) == ("ball", BEARING, 1750.0)
    expected = 1.1 * tone_of(contract, "ball", contract.window, 12_000.0)
    np.testing.assert_allclose(snapshot.samples[0], expected, atol=4e-5)
    assert snapshot.arrays.probabilities[0, 3] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("counts", "AAA", "not base64"), ("scale", (1e39,), "too large"), ("probabilities", (1.0,), "probabilities is")],
)
def test_numbers_that_are_not_valid_are_bad_data(document, field, value, reason):
    window = document.windows[0].model_copy(update={field: value})
    with pytest.raises(BadDataError, match=reason):
        snapshot_of(document.model_copy(update={"windows": (window,)}))


def test_a_window_that_no_message_can_hold_is_refused(contract):
    story = tell(contract, "normal")
    with pytest.raises(BadDataError, match="256 samples, more than the 255 of a message"):
        story.recorder.newest("press4", 255)
    with pytest.raises(BadDataError, match="no window of other since the start"):
        story.recorder.newest("other", MAX_SAMPLES)


def test_a_sensor_without_memory_has_no_snapshot(contract):
    story = tell(contract, "normal", max_bytes=10)
    with pytest.raises(BadDataError, match="no memory for the windows of press4"):
        story.recorder.newest("press4", MAX_SAMPLES)
