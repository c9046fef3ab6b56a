from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.codecs.frame import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

# Written by hand from the table in docs/reference/mqtt.md. If this test fails, sensors in the field stop working.
GOLDEN = bytes.fromhex(
    "44 52 53 4e"  # magic "DRSN"
    "01"  # version
    "00"  # dtype i16
    "02"  # channels
    "03"  # flags: clipped, clock synchronised
    "02 00 00 00"  # samples per channel
    "fe ff ff ff"  # seq 4294967294
    "04 03 02 01"  # boot_id 0x01020304
    "15 cd 55 f5 51 72 86 18"  # t0 1767225600123456789
    "00 80 3b 46"  # 12000.0 Hz
    "00 00 00 3f"  # scale 0.5
    "00 a0 e0 44"  # 1797.0 rpm
    "02 00"  # unit m/s²
    "00 00"  # reserved
    "0d c8 61 9e"  # crc32
    "01 00 00 01"  # both channels, first sample: 1, 256
    "fe ff 00 80"  # second sample: -2, -32768
)
PACKET = Packet(
    np.array([[0.5, -1.0], [128.0, -16_384.0]], np.float32),
    t0_unix_ns=1_767_225_600_123_456_789,
    sample_rate_hz=12_000.0,
    seq=4_294_967_294,
    boot_id=0x01020304,
    rpm=1797.0,
    unit="m/s²",
    clock_synced=True,
    clipped=True,
)


def sealed(frame: bytes, offset: int, new: bytes) -> bytes:
    """The frame with some bytes changed, and a crc that is right again."""
    changed = frame[:offset] + new + frame[offset + len(new) :]
    crc = zlib.crc32(changed[48:], zlib.crc32(changed[:44]))
    return changed[:44] + struct.pack("<I", crc) + changed[48:]


def assert_same(packet: Packet, expected: Packet):
    np.testing.assert_array_equal(packet.samples, expected.samples)
    assert replace(packet, samples=None) == replace(expected, samples=None)


def test_the_wire_format_never_changes():
    assert_same(decode(GOLDEN, {}, PayloadFormat()), PACKET)
    assert encode(PACKET, "i16", 0.5) == GOLDEN


@given(
    data=st.data(),
    dtype=st.sampled_from(["f32", "i16", "i32"]),
    channels=st.integers(1, 255),
    n_samples=st.integers(1, 5),
    scale=st.sampled_from([1.0, 0.25, -2.0]),
    fields=st.fixed_dictionaries(
        {
            "t0_unix_ns": st.none() | st.integers(1, 2**63 - 1),
            "sample_rate_hz": st.floats(1, 2.0**20, width=32),
            "seq": st.integers(0, 2**32 - 1),
            "boot_id": st.integers(0, 2**32 - 1),
            "rpm": st.none() | st.floats(1, 2.0**20, width=32),
            "unit": st.sampled_from([None, "g", "m/s²", "mm/s", "V"]),
            "clock_synced": st.booleans(),
            "clipped": st.booleans(),
        }
    ),
)
def test_an_encoded_packet_is_decoded(
    data: st.DataObject, dtype: str, channels: int, n_samples: int, scale: float, fields: dict[str, object]
):
    """For any dtype, any number of channels and any header; scales and counts that float32 holds exactly."""
    seed = data.draw(st.integers(0, 2**32 - 1))
    counts = np.random.default_rng(seed).integers(-32_768, 32_768, (channels, n_samples))
    if dtype == "i32":
        counts *= 512
    packet = Packet((counts * scale).astype(np.float32), **fields)
    assert_same(decode(encode(packet, dtype, scale), {}, PayloadFormat()), packet)


@pytest.mark.parametrize("length", range(len(GOLDEN)))
def test_a_frame_that_broke_off_is_truncated(length: int):
    with pytest.raises(PacketError) as refusal:
        decode(GOLDEN[:length], {}, PayloadFormat())
    assert refusal.value.reason is Reason.TRUNCATED


def test_every_flipped_bit_is_detected():
    for bit in range(8 * len(GOLDEN)):
        damaged = bytearray(GOLDEN)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PacketError):
            decode(bytes(damaged), {}, PayloadFormat())


@pytest.mark.parametrize(
    ("offset", "new", "reason"),
    [
        (0, b"drsn", Reason.BAD_HEADER),
        (4, b"\x02", Reason.BAD_HEADER),  # a version of the future
        (5, b"\x03", Reason.BAD_HEADER),  # dtype
        (6, b"\x00", Reason.BAD_HEADER),  # no channels
        (6, b"\x03", Reason.TRUNCATED),
        (8, b"\x03", Reason.TRUNCATED),  # more samples than there are
        (8, b"\x01", Reason.TRUNCATED),  # fewer
        (28, struct.pack("<f", 0.0), Reason.BAD_HEADER),  # rate
        (28, struct.pack("<f", -12_000.0), Reason.BAD_HEADER),
        (28, struct.pack("<f", float("nan")), Reason.BAD_HEADER),
        (32, struct.pack("<f", float("inf")), Reason.BAD_HEADER),  # scale
        (32, struct.pack("<f", 0.0), Reason.BAD_HEADER),  # it would turn every sample into nothing
        (36, struct.pack("<f", -1.0), Reason.BAD_HEADER),  # rpm
        (40, b"\x05", Reason.BAD_HEADER),  # unit
        (32, struct.pack("<f", 3e38), Reason.NON_FINITE),
    ],
)
def test_an_invalid_header_is_refused(offset: int, new: bytes, reason: Reason):
    with pytest.raises(PacketError) as refusal:
        decode(sealed(GOLDEN, offset, new), {}, PayloadFormat())
    assert refusal.value.reason is reason


def test_a_wrong_crc_has_another_reason_than_a_wrong_header():
    with pytest.raises(PacketError) as refusal:
        decode(GOLDEN[:-1] + b"\x00", {}, PayloadFormat())
    assert refusal.value.reason is Reason.BAD_CRC


def test_a_frame_without_samples_is_empty():
    with pytest.raises(PacketError) as refusal:
        decode(sealed(GOLDEN[:48], 8, bytes(4)), {}, PayloadFormat())
    assert refusal.value.reason is Reason.EMPTY


def test_zero_means_unknown():
    bare = Packet(np.ones((1, 1), np.float32), sample_rate_hz=100.0, seq=1)
    packet = decode(encode(bare), {}, PayloadFormat())
    assert (packet.boot_id, packet.t0_unix_ns, packet.rpm, packet.unit) == (0, None, None, None)
    assert packet.clock_synced is False


@pytest.mark.parametrize(
    ("fields", "dtype"),
    [
        ({"sample_rate_hz": None}, "f32"),
        ({"sample_rate_hz": 1e300}, "f32"),
        ({"channels": 256}, "f32"),
        ({"seq": 2**32}, "f32"),
        ({"boot_id": -1}, "f32"),
        ({"unit": "furlong"}, "f32"),
        ({"start": 32_768}, "i16"),
    ],
)
def test_a_packet_that_no_frame_can_hold_is_not_encoded(
    fields: dict[str, object], dtype: str, make_packet: Callable[..., Packet]
):
    packet = make_packet(**{"n_samples": 2, "sample_rate_hz": 100.0, **fields})
    with pytest.raises(ValueError, match=r"fit|hold|needs sample_rate_hz"):
        encode(packet, dtype)
