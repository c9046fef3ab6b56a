from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsn.agent.evidence.json_form import from_message, read, to_message
from drsn.agent.evidence.npz_form import to_bytes
from drsn.agent.evidence.window_history import Arrays
from drsn.agent.schema.evidence import EvidenceDocument
from drsn.model.errors import BadDataError


def test_a_message_has_the_same_data_as_the_file(record):
    payload = to_message(record)
    for back in (from_message(payload), read(payload), read(to_bytes(record))):
        assert back.header == record.header
        for name, array in record.arrays.named().items():
            np.testing.assert_array_equal(back.arrays.named()[name], array)


def test_alpha_of_each_unit_is_in_the_message(record):
    alpha = np.random.default_rng(0).random((4, 5), np.float32)
    arrays = Arrays(**{**record.arrays.named(), "alpha": alpha})
    payload = to_message(type(record)(record.header, record.event, arrays))
    np.testing.assert_array_equal(from_message(payload).arrays.alpha, alpha)
    assert json.loads(to_message(record))["windows"][0]["alpha"] is None


def test_what_does_not_fit_is_left_out_from_the_oldest_on(record):
    whole = len(to_message(record))
    for max_bytes in range(whole - 3000, whole + 1, 97):
        payload = to_message(record, max_bytes)
        document = EvidenceDocument.model_validate_json(payload)
        assert len(payload) <= max_bytes
        assert document.left_out + len(document.windows) == 4
        assert document.windows[-1].t_end_unix_ns == record.header.windows[-1].t_end_unix_ns
    assert document.left_out == 1
    assert len(to_message(record, whole)) == whole
    assert to_message(record, 500) is None


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_an_unknown_payload_is_bad_data(payload):
    with pytest.raises(BadDataError):
        read(payload)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    field=st.sampled_from(["counts", "scale", "offset", "probabilities", "novelty", "alpha"]),
    value=st.sampled_from(["", "AAA=", "AAA", [], [1.0], [1e300], None, "x" * 99, [[1]], 1e39]),
)
def test_a_window_s_damaged_number_is_bad_data_or_no_matter(record, field, value):
    document = json.loads(to_message(record))
    document["windows"][1][field] = value
    with suppress(BadDataError):
        from_message(json.dumps(document).encode())
