from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import CODECS, Packet, PacketError, PayloadFormat, Reason, codec
from drsn.agent.acquisition.codecs.packet import MAX_AMPLITUDE, MAX_U32
from drsn.agent.acquisition.codecs.sample_bytes import samples_from_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

FRAME = struct.Struct("<4sBBBBIIIQfffHH")
NUMBERS = st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=40))
SAMPLES = st.one_of(
    NUMBERS,
    st.lists(NUMBERS, max_size=8),
    st.lists(st.one_of(st.floats(), st.integers(-9, 9)), max_size=8),
    st.lists(st.lists(st.floats(), max_size=3), max_size=3),
)


@st.composite
def sealed_frames(draw: st.DrawFn) -> bytes:
    """Any header behind the magic, of the right length and crc: only the fields are wrong."""
    dtype, channels, n_samples = draw(st.integers(0, 3)), draw(st.integers(0, 3)), draw(st.integers(0, 5))
    body = draw(st.binary(min_size=(size := n_samples * channels * (2 if dtype == 0 else 4)), max_size=size))
    u32 = st.integers(0, MAX_U32)
    head = FRAME.pack(
        b"DRSN", draw(st.integers(0, 2)), dtype, channels, draw(st.integers(0, 255)), n_samples, draw(u32), draw(u32),
        draw(st.integers(0, 2**64 - 1)), *(draw(st.floats(width=32)) for _ in range(3)), draw(st.integers(0, 6)), 0,
    )  # fmt: skip
    return head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body


DOCUMENTS = st.fixed_dictionaries(
    {"samples": SAMPLES},
    optional=dict.fromkeys(("t0", "sample_rate_hz", "seq", "boot_id", "rpm", "unit"), NUMBERS),
).map(lambda document: json.dumps(document).encode())
PAYLOADS = st.one_of(st.binary(max_size=80), sealed_frames(), DOCUMENTS)
FORMATS = st.builds(
    PayloadFormat,
    dtype=st.sampled_from(["f32", "i16", "i32"]),
    scale=st.sampled_from([1.0, -0.5, 1e30, 0.0]),
    channels=st.integers(1, 3),
    planar=st.booleans(),
)
PROPERTIES = st.dictionaries(
    st.sampled_from(["seq", "boot_id", "t0_unix_ns", "x"]),
    st.one_of(st.integers().map(str), st.text(max_size=25)),
)


def decoded(name: str, payload: bytes, properties: dict[str, str], payload_format: PayloadFormat) -> Packet | None:
    try:
        return codec(name).decode(payload, properties, payload_format)
    except PacketError:
        return None


@example(struct.pack("<I", 0x7F800001), {}, PayloadFormat(scale=2.0))  # a signalling NaN
@example(b"[" * 100_000, {}, PayloadFormat())
@example(b'{"samples": [1' + b"0" * 5000 + b"]}", {}, PayloadFormat())
@example(b'{"samples": [1], "unit": "\\ud800"}', {}, PayloadFormat())
@given(payload=PAYLOADS, properties=PROPERTIES, payload_format=FORMATS)
def test_to_every_codec_any_bytes_are_a_finite_packet_or_a_packet_error(
    payload: bytes, properties: dict[str, str], payload_format: PayloadFormat
):
    for packet in filter(None, (decoded(name, payload, properties, payload_format) for name in CODECS)):
        assert packet.samples.dtype == np.float32
        assert packet.samples.ndim == 2
        assert packet.samples.size
        assert np.isfinite(packet.samples).all()
        assert packet.sample_rate_hz is None or 0 < packet.sample_rate_hz < np.inf
        assert packet.rpm is None or 0 <= packet.rpm < np.inf
        assert packet.seq is None or 0 <= packet.seq <= MAX_U32
        assert 0 <= packet.boot_id <= MAX_U32
        assert packet.t0_unix_ns is None or 0 <= packet.t0_unix_ns < 2**64
        (packet.unit or "").encode()  # it is part of a result


@pytest.mark.parametrize("kind", [("i16", "<i2"), ("i32", "<i4"), ("f32", "<f4")])
def test_counts_become_float32_times_the_scale(kind: tuple[str, str]):
    name, numpy_name = kind
    data = np.array([-4, 0, 3, 32_767], numpy_name).tobytes()
    samples = samples_from_bytes(data, PayloadFormat(name, scale=0.25))
    assert samples.dtype == np.float32
    assert samples.tolist() == [[-1.0, 0.0, 0.75, 8191.75]]


BOUNDARY = [MAX_AMPLITUDE, -MAX_AMPLITUDE, 7e14, 1.1e15, 3e38, np.inf, -np.inf, np.nan, 0.0, 1e-38]
ANY_FLOAT = st.one_of(st.floats(width=32), st.sampled_from(BOUNDARY).map(np.float32).map(float))


@example(values=[float(np.nextafter(np.float32(MAX_AMPLITUDE), np.float32(np.inf)))], repeat=3000)
@given(values=st.lists(ANY_FLOAT, min_size=1, max_size=12), repeat=st.sampled_from([1, 1000]))
def test_samples_are_refused_exactly_if_one_is_above_the_largest_amplitude(values: list[float], repeat: int):
    """However they are checked: up to 8,192 samples by the sum of their squares, more of them one by one."""
    samples = np.array(values * repeat, np.float32)
    bad = int(np.count_nonzero(~(np.abs(samples) <= MAX_AMPLITUDE)))
    if not bad:
        assert samples_from_bytes(samples.tobytes(), PayloadFormat())[0].tobytes() == samples.tobytes()
        return
    with pytest.raises(PacketError, match=f"^non_finite: {bad} of {samples.size} samples are NaN, infinite or above"):
        samples_from_bytes(samples.tobytes(), PayloadFormat())


@given(counts=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=20), scale=st.floats(-1e30, 1e30))
def test_counts_of_any_scale_are_refused_or_equal_to_one_multiplication(counts: list[int], scale: float):
    data = np.array(counts, "<i4")
    with np.errstate(over="ignore", invalid="ignore"):
        expected = data.astype(np.float32) * np.float32(scale)
    try:
        found = samples_from_bytes(data.tobytes(), PayloadFormat("i32", scale))
    except PacketError:
        assert not (np.abs(expected) <= MAX_AMPLITUDE).all()
    else:
        assert found[0].tobytes() == (expected if scale != 1 else data.astype(np.float32)).tobytes()


def test_channels_are_interleaved_or_one_after_the_other():
    data = np.array([1, 2, 3, 4, 5, 6], "<i2").tobytes()
    interleaved = samples_from_bytes(data, PayloadFormat("i16", channels=2))
    planar = samples_from_bytes(data, PayloadFormat("i16", channels=2, planar=True))
    assert interleaved.tolist() == [[1, 3, 5], [2, 4, 6]]
    assert planar.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("data", "scale", "reason"),
    [
        (b"", 1.0, Reason.EMPTY),
        (bytes(7), 1.0, Reason.TRUNCATED),
        (bytes(4), 1.0, Reason.TRUNCATED),  # one sample for two channels
        (struct.pack("<2f", 1.0, float("nan")), 1.0, Reason.NON_FINITE),
        (struct.pack("<2f", 1.0, float("-inf")), 1.0, Reason.NON_FINITE),
        (struct.pack("<2f", 1.0, 3e38), 10.0, Reason.NON_FINITE),
    ],
)
def test_bytes_that_are_no_samples_are_refused_with_the_reason(data: bytes, scale: float, reason: Reason):
    with pytest.raises(PacketError) as refusal:
        samples_from_bytes(data, PayloadFormat("f32", scale, channels=2))
    assert refusal.value.reason is reason


def test_one_channel_keeps_the_other_fields(make_packet: Callable[..., Packet]):
    packet = make_packet(3, channels=2, seq=7, boot_id=1, t0_unix_ns=9, sample_rate_hz=100.0, unit="g")
    packet.samples[1] = [9, 8, 7]
    second = packet.only(1)
    assert second.samples.tolist() == [[9, 8, 7]]
    assert (second.seq, second.boot_id, second.t0_unix_ns, second.sample_rate_hz, second.unit) == (7, 1, 9, 100.0, "g")
