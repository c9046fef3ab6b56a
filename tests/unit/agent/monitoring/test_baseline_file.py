from __future__ import annotations

import json

import numpy as np
import pytest
from baseline_windows import baseline, drawn
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.baseline_features import ENVELOPE, BaselineSignal
from drsn.agent.monitoring.baseline_file import MAX_BYTES, BaselineFile
from drsn.model.errors import BadDataError

SIGNAL = BaselineSignal(2048, 12_000.0, 5_300.0, 1)


def made() -> BaselineFile:
    features = drawn(100)
    features[:, ENVELOPE.start] = np.nan
    return BaselineFile(baseline(features, np.repeat([600.0, 900.0], 50)), SIGNAL, "ab", "press4-de-x")


def test_a_file_is_read_as_it_was_written():
    file = made()
    read = BaselineFile.of_text(file.to_text())
    assert (read.signal, read.bundle_sha256, read.source) == (SIGNAL, "ab", "press4-de-x")
    assert read.baseline.by_speed
    assert read.baseline.fault_nats == file.baseline.fault_nats
    pairs = zip(
        (*read.baseline.states, read.baseline.elsewhere), (*file.baseline.states, file.baseline.elsewhere), strict=True
    )
    for one, other in pairs:
        assert one.windows == other.windows
        assert one.middle == pytest.approx(other.middle, abs=1e-6)
        for name in ("location", "scale", "dependence", "cost"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-4, nan_ok=True)
    assert read.to_text() == file.to_text()


def test_the_largest_baseline_is_within_the_limit():
    rpm = np.repeat(600 * 1.3 ** np.arange(8), 30)
    file = BaselineFile(baseline(drawn(240), rpm), SIGNAL, "0" * 64, "x" * 64)
    assert len(file.baseline.states) == 8
    assert len(file.to_text()) < MAX_BYTES / 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not a baseline; export one"),
        ({"version": 2}, "a baseline of version 2, version 1 is needed"),
        ({"states": []}, "0 states"),
        ({"states": None}, "not a baseline"),
        ({"by_speed": "yes"}, "by_speed"),
        ({"fault_nats": {"ball": -1}}, "fault_nats"),
        ({"fault_nats": {"ball": float("nan")}}, "not a number"),
        ({"signal": {}}, "window"),
        ({"elsewhere": {"location": [1.0]}}, "48 expected|scale"),
    ],
)
def test_another_file_is_refused_with_the_reason(change: dict[str, object], message: str):
    with pytest.raises(BadDataError, match=message):
        BaselineFile.of_text(json.dumps({**json.loads(made().to_text()), **change}), "a.json")


@given(st.text(max_size=200))
def test_any_text_is_refused_in_one_line(text: str):
    with pytest.raises(BadDataError) as caught:
        BaselineFile.of_text(text, "a.json")
    assert str(caught.value).startswith("a.json: ")


def test_numbers_out_of_range_are_refused():
    document = json.loads(made().to_text())
    document["states"][0]["scale"][3] = 0.0
    with pytest.raises(BadDataError, match="scale or dependence"):
        BaselineFile.of_text(json.dumps(document))
    with pytest.raises(BadDataError, match="bytes are not a baseline"):
        BaselineFile.of_text(" " * (MAX_BYTES + 1))


def test_a_signal_is_described():
    assert str(SIGNAL) == "2048 samples at 12000 Hz up to 5300 Hz, 1 channel"
