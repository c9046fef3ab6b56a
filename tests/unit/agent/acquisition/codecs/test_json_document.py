from __future__ import annotations

import base64
import json
import resource
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.codecs.fields import packet_of
from drsn.agent.acquisition.codecs.json_document import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

NEW_YEAR_NS = 1_767_225_600_000_000_000


def decoded(document: object, payload_format: PayloadFormat | None = None) -> Packet:
    return decode(json.dumps(document).encode(), {}, payload_format or PayloadFormat())


def refused(payload: bytes, payload_format: PayloadFormat | None = None) -> Reason:
    with pytest.raises(PacketError) as refusal:
        decode(payload, {}, payload_format or PayloadFormat())
    assert len(str(refusal.value)) < 200
    return refusal.value.reason


def test_every_field_is_read_by_its_name():
    packet = decoded(
        {"samples": [1, 2.5], "t0": 1_767_225_600, "sample_rate_hz": 12_000, "seq": 3, "boot_id": 9, "rpm": 1797,
         "unit": "g", "colour": "blue"}
    )  # fmt: skip
    assert packet.samples.dtype == np.float32
    assert packet.samples.tolist() == [[1.0, 2.5]]
    assert (packet.t0_unix_ns, packet.sample_rate_hz, packet.seq) == (NEW_YEAR_NS, 12_000.0, 3)
    assert (packet.boot_id, packet.rpm, packet.unit) == (9, 1797.0, "g")


def test_only_samples_are_needed():
    packet = decoded({"samples": [1, 2], "seq": None})
    assert (packet.t0_unix_ns, packet.sample_rate_hz, packet.seq, packet.boot_id) == (None, None, None, 0)


def test_a_field_may_be_nested_in_the_document():
    payload_format = PayloadFormat(fields={"samples": "data.0.values", "t0": "time", "seq": "data.0.n"})
    packet = decoded({"data": {"0": {"values": [1], "n": 4}}, "time": 1, "t0": 2, "seq": 5}, payload_format)
    assert packet.samples.tolist() == [[1.0]]
    assert (packet.t0_unix_ns, packet.seq) == (1_000_000_000, 4)
    assert refused(b'{"data": [{"0": {"values": [1]}}]}', payload_format) is Reason.BAD_DOCUMENT


@pytest.mark.parametrize(
    ("samples", "planar"),
    [([1, 2, 3, 4, 5, 6], False), ([1, 3, 5, 2, 4, 6], True), ([[1, 3, 5], [2, 4, 6]], False)],
)
def test_channels_are_interleaved_planar_or_one_list_each(samples: list[object], planar: bool):  # noqa: FBT001
    packet = decoded({"samples": samples}, PayloadFormat(channels=2, planar=planar))
    assert packet.samples.tolist() == [[1, 3, 5], [2, 4, 6]]


@pytest.mark.parametrize("dtype", ["i16", "i32", "f32"])
def test_base64_holds_numbers_of_the_inputs_dtype(dtype: str):
    numbers = np.array([2, -4, 6], {"i16": "<i2", "i32": "<i4", "f32": "<f4"}[dtype])
    packet = decoded({"samples": base64.b64encode(numbers.tobytes()).decode()}, PayloadFormat(dtype=dtype, scale=0.5))
    assert packet.samples.tolist() == [[1, -2, 3]]


@pytest.mark.parametrize(
    ("t0", "unix_ns"),
    [
        (1_767_225_600, NEW_YEAR_NS),
        (1_767_225_600.25, NEW_YEAR_NS + 250_000_000),
        ("2026-01-01T00:00:00Z", NEW_YEAR_NS),
        ("2026-01-01T01:00:00.250000+01:00", NEW_YEAR_NS + 250_000_000),
        ("2025-12-31 18:30:00-05:30", NEW_YEAR_NS),
        (0, 0),
        (None, None),
    ],
)
def test_t0_is_unix_seconds_or_iso_with_an_offset(t0: object, unix_ns: int | None):
    found = decoded({"samples": [1], "t0": t0}).t0_unix_ns
    assert found == (unix_ns and pytest.approx(unix_ns, abs=500, rel=0))  # a double of today's seconds holds 240 ns


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("t0", "2026-01-01T00:00:00"),  # in which time zone?
        ("t0", "yesterday"),
        ("t0", "0001-01-01T00:00:00+14:00"),
        ("t0", -1),
        ("t0", 1e300),
        ("t0", 10**400),
        ("t0", float("nan")),
        ("t0", True),
        ("t0", [1]),
        ("sample_rate_hz", 0),
        ("sample_rate_hz", -12_000),
        ("sample_rate_hz", float("inf")),
        ("sample_rate_hz", "12 kHz"),
        ("seq", -1),
        ("seq", 1.5),
        ("seq", "-1"),
        ("seq", True),
        ("boot_id", 1.5),
        ("boot_id", True),
        ("rpm", -1),
        ("unit", 5),
        ("unit", "\ud800"),  # half a character: it can't be published in a result
        ("samples", None),
        ("samples", 5),
        ("samples", {}),
        ("samples", "no base64!"),
        ("samples", "é"),
        ("samples", [1, "x"]),
        ("samples", [1, None]),
        ("samples", [[1, 2], [3]]),
        ("samples", [[[1]]]),
        ("samples", [10**400]),
        ("samples", [True, 1]),
        ("samples", [[1], 2]),
        ("samples", [1, [2]]),
    ],
)
def test_a_field_of_another_type_is_a_bad_document(name: str, value: object):
    assert refused(json.dumps({"samples": [1], name: value}).encode()) is Reason.BAD_DOCUMENT


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"\xff\xfe{", b"[null]", b"3", b"null", b"{}", b'{"samples": [1' + b"0" * 5000 + b"]}"]
)
def test_a_payload_without_samples_is_a_bad_document(payload: bytes):
    assert refused(payload) is Reason.BAD_DOCUMENT


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([], Reason.EMPTY),
        ([[], []], Reason.EMPTY),
        ("", Reason.EMPTY),
        ([1, 2, 3], Reason.TRUNCATED),
        ("AAAA", Reason.TRUNCATED),
        ([1, float("nan")], Reason.NON_FINITE),
        ([1, 1e39], Reason.NON_FINITE),  # finite, but not as float32
    ],
)
def test_invalid_samples_are_refused(samples: object, reason: Reason):
    assert refused(json.dumps({"samples": samples}).encode(), PayloadFormat(channels=2)) is reason


def test_strings_among_samples_take_no_memory():
    """Numpy would reserve room for the longest one in every element: here 40 GB."""
    used, limits = _address_space_bytes(), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), limits[1]))
    try:
        assert refused(json.dumps({"samples": ["a" * 100_000] + [""] * 100_000}).encode()) is Reason.BAD_DOCUMENT
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _address_space_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def test_an_encoded_packet_is_decoded():
    packet = Packet(np.array([[0.1, -2]], np.float32), sample_rate_hz=12_000.0, seq=3, boot_id=4, rpm=5.5, unit="m/s²")
    assert json.loads(encode(packet)).keys() == {"samples", "sample_rate_hz", "seq", "boot_id", "rpm", "unit"}
    for each in (packet, replace(packet, samples=np.ones((2, 3), np.float32), boot_id=0)):
        again = decode(encode(each), {}, PayloadFormat())
        np.testing.assert_array_equal(again.samples, each.samples)
        assert replace(again, samples=None) == replace(each, samples=None)


NUMBERS = st.one_of(
    st.floats(), st.integers(-3, 3), st.integers(-(10**400), 10**400), st.booleans(), st.none(), st.text(max_size=2)
)
PLAIN = st.one_of(st.lists(st.one_of(st.floats(-9, 9), st.integers(-3, 3)), max_size=8), st.lists(NUMBERS, max_size=6))
DOCUMENTS = st.fixed_dictionaries(
    {"samples": st.one_of(PLAIN, st.lists(PLAIN, max_size=3))},
    optional=dict.fromkeys(("t0", "sample_rate_hz", "seq", "boot_id", "rpm", "unit"), NUMBERS),
)


def outcome(read: Callable[[], Packet]) -> tuple[object, ...]:
    try:
        packet = read()
    except PacketError as error:
        return (error.reason,)
    return packet.samples.tolist(), repr(replace(packet, samples=np.empty((1, 0), np.float32)))


@example(document={"samples": [float("nan")]})
@example(document={"samples": [[True, 1], [0, 2]]})
@example(document={"samples": [2**70], "seq": 2**64, "unit": "\ud800"})
@given(document=DOCUMENTS)
def test_the_fast_parser_and_the_fast_list_change_no_outcome(document: dict[str, object]):
    payload = json.dumps(document).encode()
    plain = outcome(lambda: packet_of(json.loads(payload), PayloadFormat()))
    assert outcome(lambda: decode(payload, {}, PayloadFormat())) == plain
    assert outcome(lambda: decode(json.dumps(document).encode("utf-16"), {}, PayloadFormat())) == plain
