from __future__ import annotations

import resource
import struct

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.codecs.msgpack import decode, encode


def decoded(document: object, payload_format: PayloadFormat | None = None) -> Packet:
    return decode(msgpack.packb(document), {}, payload_format or PayloadFormat())


def refused(payload: bytes, payload_format: PayloadFormat | None = None) -> Reason:
    with pytest.raises(PacketError) as refusal:
        decode(payload, {}, payload_format or PayloadFormat())
    assert len(str(refusal.value)) < 200
    return refusal.value.reason


def with_samples(item: bytes) -> bytes:
    return b"\x81\xa7samples" + item


# By hand from the specification, not by the library. If this test fails, sensors in the field stop working.
GOLDEN = bytes.fromhex(
    "83"  # a map of three
    "a3 736571"  # "seq"
    "ce fffffffe"  # 4294967294
    "a2 7430"  # "t0"
    "d6 ff 6955b900"  # timestamp 1767225600
    "a7 73616d706c6573"  # "samples"
    "c4 04"  # four bytes
    "0100 feff"
)
I16 = PayloadFormat(dtype="i16", scale=0.5)


def test_the_wire_format_never_changes():
    packet = decode(GOLDEN, {}, I16)
    assert packet.samples.tolist() == [[0.5, -1.0]]
    assert (packet.seq, packet.t0_unix_ns, packet.count) == (4_294_967_294, 1_767_225_600_000_000_000, 0.5)


@pytest.mark.parametrize("length", range(len(GOLDEN)))
def test_a_map_that_broke_off_is_refused(length: int):
    assert refused(GOLDEN[:length], I16) is Reason.BAD_DOCUMENT


@pytest.mark.parametrize("behind", [b"\0", b"\xc0", GOLDEN])
def test_a_map_with_something_behind_it_is_refused(behind: bytes):
    assert refused(GOLDEN + behind, I16) is Reason.BAD_DOCUMENT


def test_channels_are_as_configured_or_in_one_list_each():
    flat = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
    assert decoded({"samples": flat}, PayloadFormat(channels=2)).samples.tolist() == [[1, 3, 5], [2, 4, 6]]
    assert decoded({"samples": flat}, PayloadFormat(channels=2, planar=True)).samples.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert decoded({"samples": [[1, 2.5], [3, 4]]}).samples.tolist() == [[1, 2.5], [3, 4]]


def test_fields_may_be_nested():
    payload_format = PayloadFormat(fields={"samples": "data.values"})
    assert decoded({"data": {"values": [1]}}, payload_format).samples.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("item", "payload_format", "reason"),
    [
        ("c4 00", PayloadFormat(), Reason.EMPTY),
        ("90", PayloadFormat(), Reason.EMPTY),
        ("c4 03 000000", PayloadFormat(), Reason.TRUNCATED),
        ("c4 04 00000000", PayloadFormat(channels=2), Reason.TRUNCATED),
        ("c4 04 0000c07f", PayloadFormat(), Reason.NON_FINITE),
        ("91 cb 7fefffffffffffff", PayloadFormat(), Reason.NON_FINITE),  # finite as a double alone
        ("92 01 c3", PayloadFormat(), Reason.BAD_DOCUMENT),
        ("92 01 a1 61", PayloadFormat(), Reason.BAD_DOCUMENT),
        ("92 91 01 92 01 02", PayloadFormat(), Reason.BAD_DOCUMENT),
        ("91 91 91 01", PayloadFormat(), Reason.BAD_DOCUMENT),
        ("d4 05 00", PayloadFormat(), Reason.BAD_DOCUMENT),  # an extension
        ("d4 ff 00", PayloadFormat(), Reason.BAD_DOCUMENT),  # a timestamp of one byte
        ("c0", PayloadFormat(), Reason.BAD_DOCUMENT),
        ("c1", PayloadFormat(), Reason.BAD_DOCUMENT),
    ],
)
def test_samples_that_can_not_be_are_refused(item: str, payload_format: PayloadFormat, reason: Reason):
    assert refused(with_samples(bytes.fromhex(item)), payload_format) is reason


BOMB = with_samples((b"\xdd" + struct.pack(">I", 900_000)) * 500 + b"\x01" * 900_000)
"""500 arrays, each in the one before; each claims as many entries as the payload has bytes."""


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x01",
        b"\x80",
        b"\x81\x01\x01",  # a key that is no text
        b"\x81\x90\x01",
        with_samples(b"\xdd\xff\xff\xff\xff\x01"),  # 2^32 entries
        with_samples(b"\xdf\xff\xff\xff\xff"),
        with_samples(b"\xc6\xff\xff\xff\xff\x00"),
        with_samples(b"\xc9\xff\xff\xff\xff\x05\x00"),
        with_samples(b"\x91" * 100_000 + b"\x01"),
        with_samples(b"\xa1\xff"),
        BOMB,
    ],
    ids=lambda payload: payload[:24].hex(),
)
def test_a_payload_that_is_no_map_or_claims_too_much_is_a_bad_document(payload: bytes):
    assert refused(payload) is Reason.BAD_DOCUMENT


def test_a_header_s_claim_takes_no_memory():
    """For this payload of 0.9 MB, msgpack 1.2.3 reserved 3.6 GB before it saw that the entries are not there."""
    used, limits = _address_space_bytes(), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), limits[1]))
    try:
        assert refused(BOMB) is Reason.BAD_DOCUMENT
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _address_space_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 (nothing more may be allocated for this)
        return int(file.read().split()[0]) * resource.getpagesize()


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
    again = decode(encode(packet), {}, PayloadFormat(channels=channels))
    np.testing.assert_array_equal(again.samples, packet.samples)
    for name in ("sample_rate_hz", "seq", "boot_id", "rpm", "unit", "t0_unix_ns"):
        assert getattr(again, name) == getattr(packet, name)
