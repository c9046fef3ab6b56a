from __future__ import annotations

import struct

import cbor2
import numpy as np
import pytest
from cbor2 import CBORTag
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.codecs.cbor import MAX_DEPTH, TYPED_ARRAYS, decode, encode

NEW_YEAR_NS = 1_767_225_600_000_000_000


def decoded(document: object, payload_format: PayloadFormat | None = None) -> Packet:
    return decode(cbor2.dumps(document), {}, payload_format or PayloadFormat())


def refused(payload: bytes, payload_format: PayloadFormat | None = None) -> Reason:
    with pytest.raises(PacketError) as refusal:
        decode(payload, {}, payload_format or PayloadFormat())
    assert len(str(refusal.value)) < 200
    return refusal.value.reason


def with_samples(item: bytes) -> bytes:
    return b"\xa1\x67samples" + item


# By hand from RFC 8949 and RFC 8746, not by the library. If this test fails, sensors in the field stop working.
GOLDEN = bytes.fromhex(
    "a3"  # a map of three
    "63 736571"  # "seq"
    "1a fffffffe"  # 4294967294
    "62 7430"  # "t0"
    "c1 1a 6955b900"  # Unix time 1767225600
    "67 73616d706c6573"  # "samples"
    "d8 4d 44"  # tag 77, signed 16 bits, little endian; four bytes
    "0100 feff"
)


def test_the_wire_format_never_changes():
    packet = decode(GOLDEN, {}, PayloadFormat(scale=0.5))
    assert packet.samples.tolist() == [[0.5, -1.0]]
    assert (packet.seq, packet.t0_unix_ns, packet.count) == (4_294_967_294, NEW_YEAR_NS, 0.5)


@pytest.mark.parametrize("length", range(len(GOLDEN)))
def test_a_map_that_broke_off_is_refused(length: int):
    assert refused(GOLDEN[:length]) is Reason.BAD_DOCUMENT


@pytest.mark.parametrize("behind", [b"\0", b"\xf6", GOLDEN])
def test_a_map_with_something_behind_it_is_refused(behind: bytes):
    assert refused(GOLDEN + behind) is Reason.BAD_DOCUMENT


@pytest.mark.parametrize(("tag", "dtype"), TYPED_ARRAYS.items())
def test_a_typed_array_has_its_own_type_and_byte_order(tag: int, dtype: str):
    numbers = np.array([1, 2, 100], dtype)
    packet = decoded({"samples": CBORTag(tag, numbers.tobytes())}, PayloadFormat(dtype="i16", scale=0.5))
    assert packet.samples.tolist() == [[0.5, 1.0, 50.0]]
    assert packet.count == (0.5 if dtype[1:] == "i2" else None)


def test_the_type_of_a_tag_agrees_with_its_bits_by_rfc_8746():
    for tag, dtype in TYPED_ARRAYS.items():
        is_float, signed, little, width = tag >> 4 & 1, tag >> 3 & 1, tag >> 2 & 1, tag & 3
        kind = "f" if is_float else "i" if signed else "u"
        size = 2 << width if is_float else 1 << width
        little &= size > 1 and not (is_float and signed)
        assert np.dtype(dtype) == np.dtype(f"{'<' if little else '>'}{kind}{size}"), tag


def test_channels_are_in_the_shape_of_tag_40_or_as_configured():
    flat = CBORTag(85, struct.pack("<6f", 1, 2, 3, 4, 5, 6))
    assert decoded({"samples": CBORTag(40, [[2, 3], flat])}).samples.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert decoded({"samples": flat}, PayloadFormat(channels=2)).samples.tolist() == [[1, 3, 5], [2, 4, 6]]
    assert decoded({"samples": flat}, PayloadFormat(channels=2, planar=True)).samples.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert decoded({"samples": [[1, 2.5], [3, 4]]}).samples.tolist() == [[1, 2.5], [3, 4]]


def test_bytes_without_a_tag_have_the_inputs_dtype():
    packet = decoded({"samples": struct.pack("<2h", 2, -4)}, PayloadFormat(dtype="i16", scale=0.5))
    assert (packet.samples.tolist(), packet.count) == ([[1.0, -2.0]], 0.5)


@pytest.mark.parametrize("t0", [CBORTag(1, 1_767_225_600), CBORTag(0, "2026-01-01T00:00:00Z"), 1_767_225_600.0])
def test_time_may_have_its_tag(t0: object):
    assert decoded({"samples": [1], "t0": t0}).t0_unix_ns == NEW_YEAR_NS


def test_fields_may_be_nested_and_the_map_may_have_the_tag_of_cbor():
    payload_format = PayloadFormat(fields={"samples": "data.values"})
    assert decoded(CBORTag(55799, {"data": {"values": [1]}}), payload_format).samples.tolist() == [[1.0]]


def test_lengths_may_be_indefinite():
    streamed = b"\xbf\x67samples\x5f\x42\x01\x00\x42\x02\x00\xff\xff"  # a map, and in it bytes in two parts
    assert decode(streamed, {}, PayloadFormat(dtype="i16")).samples.tolist() == [[1, 2]]


@pytest.mark.parametrize("value", [b"\1", [1, 2], "a", 1, [[1, 2], b"\1"]], ids=repr)
def test_no_other_tag_is_accepted_not_even_in_a_field_that_is_not_read(value: object):
    """The library's own decoders for some build numbers of any size, regular expressions, e-mails, shared values."""
    for tag in [*range(2, 64), *range(88, 300), 76, 83, 87, 1004, 43000, 2**32, 2**64 - 1]:
        if tag != 40:
            assert refused(cbor2.dumps({"samples": [1], "x": CBORTag(tag, value)})) is Reason.BAD_DOCUMENT


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("d855 43 000000", Reason.TRUNCATED),
        ("d855 40", Reason.EMPTY),
        ("80", Reason.EMPTY),
        ("40", Reason.EMPTY),
        ("d855 01", Reason.BAD_DOCUMENT),  # a typed array of a number
        ("d855 d855 44 00000000", Reason.BAD_DOCUMENT),
        ("d855 44 0000c07f", Reason.NON_FINITE),  # NaN
        ("d856 48 ffffffffffffef7f", Reason.NON_FINITE),  # finite as a double alone
        ("d828 82 82 02 03 d855 44 00000000", Reason.BAD_DOCUMENT),  # 2 x 3, of one
        ("d828 82 82 20 20 d855 44 00000000", Reason.BAD_DOCUMENT),  # -1 x -1
        ("d828 82 81 01 d855 44 00000000", Reason.BAD_DOCUMENT),  # one dimension
        ("d828 01", Reason.BAD_DOCUMENT),
        ("f7", Reason.BAD_DOCUMENT),  # undefined
        ("e0", Reason.BAD_DOCUMENT),
        ("82 01 f5", Reason.BAD_DOCUMENT),
        ("82 01 61 61", Reason.BAD_DOCUMENT),
        ("82 81 01 82 01 02", Reason.BAD_DOCUMENT),
        ("81 81 81 01", Reason.BAD_DOCUMENT),
        ("81 d855 44 00000000", Reason.BAD_DOCUMENT),
        ("81 f97c00", Reason.NON_FINITE),
    ],
)
def test_samples_that_can_not_be_are_refused(item: str, reason: Reason):
    assert refused(with_samples(bytes.fromhex(item))) is reason


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"\x01",
        b"\xa0",
        b"\xa1\x01\x01",  # a key that is no text
        b"\xa2\x63seq\x01\x63seq\x02",
        with_samples(b"\x9a\xff\xff\xff\xff\x01"),  # 2^32 entries
        with_samples(b"\x9b" + b"\xff" * 8),
        with_samples(b"\xbb" + b"\xff" * 8),
        with_samples(b"\x5b" + b"\x7f" + b"\xff" * 7),
        with_samples(b"\xd8\x55\x5a\xff\xff\xff\xff\x00"),
        with_samples(b"\x9a\x00\x0f\xff\xff" * 10_000),  # each within the last
        with_samples(b"\xc1" * 100_000),
        with_samples(b"\x9f" * 100_000),
        with_samples(b"\x5f" * 100_000),
        with_samples(b"\x81" * MAX_DEPTH + b"\x01"),
        with_samples(b"\x61\xff"),
    ],
    ids=lambda payload: payload[:24].hex(),
)
def test_a_payload_that_is_no_map_or_claims_too_much_is_a_bad_document(payload: bytes):
    assert refused(payload) is Reason.BAD_DOCUMENT


@given(
    channels=st.integers(1, 3),
    samples=st.lists(st.floats(-(2.0**49), 2.0**49, width=32), min_size=1, max_size=6),
    fields=st.fixed_dictionaries(
        {},
        optional={
            "sample_rate_hz": st.floats(1e-3, 1e9),
            "seq": st.integers(0, 2**32 - 1),
            "boot_id": st.integers(0, 2**32 - 1),
            "rpm": st.floats(0, 1e6),
            "unit": st.sampled_from(["g", "m/s²"]),
        },
    ),
)
def test_an_encoded_packet_is_decoded(channels: int, samples: list[float], fields: dict[str, object]):
    packet = Packet(np.tile(np.array(samples, np.float32), (channels, 1)), **fields)
    again = decode(encode(packet), {}, PayloadFormat())
    np.testing.assert_array_equal(again.samples, packet.samples)
    for name in ("sample_rate_hz", "seq", "boot_id", "rpm", "unit", "t0_unix_ns"):
        assert getattr(again, name) == getattr(packet, name)
