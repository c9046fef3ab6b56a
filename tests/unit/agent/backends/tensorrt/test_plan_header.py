from __future__ import annotations

from contextlib import nullcontext

import pytest
from engine_files import plan_content
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.backends.tensorrt.plan_header import parse_header


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (plan_content(), ("tensorrt", (10, 3, 0, 30))),
        (plan_content(b"vtrt", (1, 7, 1, 116)), ("tensorrt-rtx", (1, 7, 1, 116))),
        (plan_content(version=(8, 6, 2, 3)), ("tensorrt", (8, 6, 2, 3))),
        (plan_content()[:28], ("tensorrt", (10, 3, 0, 30))),
    ],
)
def test_a_header_tells_flavour_and_version(plan: bytes, told: tuple):
    assert parse_header(plan) == told


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (b"", "0 bytes long"),
        (plan_content()[:27], "27 bytes long"),
        (b"PK\x03\x04" + bytes(40), "not a TensorRT plan"),
        (plan_content(b"ptrt"), "not a TensorRT plan"),
        (plan_content(layout=1), "another layout"),
    ],
)
def test_what_has_no_header_is_no_plan(plan: bytes, told: str):
    with pytest.raises(ValueError, match=told):
        parse_header(plan)


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"ftrt" + bytes(4) + tail))
def test_no_bytes_upset_the_reader_of_headers(plan: bytes):
    whole = len(plan) >= 28 and plan[:4] in (b"ftrt", b"vtrt") and plan[4:8] == bytes(4)
    with nullcontext() if whole else pytest.raises(ValueError, match=r"plan|layout"):
        assert parse_header(plan)[1] == tuple(plan[24:28])
