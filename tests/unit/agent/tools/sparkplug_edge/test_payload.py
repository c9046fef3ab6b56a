from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs.sparkplug_payload import parsed
from drsn.agent.tools.sparkplug_edge.payload import DataType, Metric, PayloadError, command_values, encoded

VALUES = {
    DataType.INT32: st.integers(0, 2**31 - 1),
    DataType.INT64: st.integers(0, 2**63 - 1),
    DataType.DATETIME: st.integers(0, 2**63 - 1),
    DataType.DOUBLE: st.floats(allow_nan=False),
    DataType.BOOLEAN: st.booleans(),
    DataType.STRING: st.text(max_size=20),
}
METRICS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda kind: st.builds(
        Metric, st.text(min_size=1, max_size=20), st.just(kind), VALUES[kind] | st.none(), st.integers(0, 2**60)
    )
)


@given(st.lists(METRICS, max_size=4), st.integers(0, 255))
def test_what_is_written_is_read_again(metrics: list[Metric], seq: int):
    payload = encoded(metrics, 5, seq)
    assert command_values(payload) == [(metric.name, metric.value) for metric in metrics]
    assert (parsed(payload).timestamp, parsed(payload).seq) == (5, seq)


def test_a_historical_metric_is_marked_and_a_death_has_no_seq():
    message = parsed(encoded([Metric("a", DataType.BOOLEAN, value=True, timestamp_ms=1, historical=True)], 2, None))
    assert message.metrics[0].is_historical
    assert not message.HasField("seq")


@given(st.binary())
def test_any_bytes_are_read_or_refused(payload: bytes):
    with suppress(PayloadError):
        command_values(payload)


def test_other_bytes_are_refused():
    with pytest.raises(PayloadError, match="not Sparkplug B"):
        command_values(b"\xff\xff")
