"""Codec `frame`: a 48-byte header and interleaved samples; content type `application/vnd.drsn.frame`.

The header has every field of a packet, so an input of frames needs no further configuration. Its crc32 covers the first
44 bytes and the samples.
"""

from __future__ import annotations

import math
import struct
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from drsn.agent.acquisition.codecs.packet import (
    DTYPES,
    NATIVE_F32,
    DtypeName,
    Packet,
    PacketError,
    PayloadFormat,
    Reason,
    plain_row,
    samples_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

CONTENT_TYPE = "application/vnd.drsn.frame"
HEADER = struct.Struct("<4sBBBBIIIQfffHHI")
_NUMBERS = struct.Struct("<IIQfff4xI")  # of a header, from `seq` on; without unit and reserved
MAGIC = b"DRSN"
VERSION = 1
DTYPE_CODES: Final[dict[int, DtypeName]] = {0: "i16", 1: "i32", 2: "f32"}
UNITS = {0: None, 1: "g", 2: "m/s²", 3: "mm/s", 4: "V"}
FLAG_CLIPPED = 1
FLAG_CLOCK_SYNCED = 2

_CODE_OF_DTYPE: dict[DtypeName, int] = {name: code for code, name in DTYPE_CODES.items()}
_CODE_OF_UNIT = {name: code for code, name in UNITS.items()}


class Header(NamedTuple):
    """The header's fields in order."""

    magic: bytes
    version: int
    dtype: int
    channels: int
    flags: int
    n_samples: int
    """Samples per channel."""
    seq: int
    boot_id: int
    t0_unix_ns: int
    sample_rate_hz: float
    scale: float
    """Unit per count."""
    rpm: float
    unit: int
    reserved: int
    crc32: int


class _Form(NamedTuple):
    """What the packets of one sensor have in common, from the parts of a header that seldom change."""

    dtype: DtypeName
    channels: int
    size: int
    """Bytes of header and samples."""
    plain: bool
    """The samples are float32 of one channel: `plain_row` may take them as they are."""
    unit: str | None
    clock_synced: bool
    clipped: bool


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:  # noqa: ARG001 (the header has all)
    """Decode one message.

    Raises:
        PacketError: the payload is shorter than its header states, the version or a code is unknown, the crc is wrong,
            or a number is impossible.
    """
    if len(payload) < HEADER.size:
        raise PacketError(Reason.TRUNCATED, f"{len(payload)} bytes, shorter than the header of {HEADER.size} bytes")
    dtype, channels, size, plain, unit, clock_synced, clipped = _form(payload[:12], payload[40:42])
    seq, boot_id, t0_unix_ns, rate_hz, scale, rpm, crc = _NUMBERS.unpack_from(payload, 12)
    # A NaN makes each comparison false.
    if not (0 < rate_hz < math.inf and 0 <= rpm < math.inf and 0 < abs(scale) < math.inf):
        raise PacketError(Reason.BAD_HEADER, f"rate {rate_hz} Hz, scale {scale} or {rpm} rpm is impossible")
    if len(payload) != size:
        expected = f"{size - HEADER.size} of {channels} channels of {dtype}"
        raise PacketError(Reason.TRUNCATED, f"{len(payload) - HEADER.size} bytes of samples, not {expected}")
    body = memoryview(payload)[HEADER.size :]
    if zlib.crc32(body, zlib.crc32(payload[: HEADER.size - 4])) != crc:
        raise PacketError(Reason.BAD_CRC, "crc32 does not match: the payload is damaged")
    samples = plain_row(np.frombuffer(payload, NATIVE_F32, -1, HEADER.size)) if plain and scale == 1.0 else None
    return Packet(
        samples_of(body, dtype, scale, channels) if samples is None else samples,
        t0_unix_ns or None,
        rate_hz,
        seq,
        boot_id,
        rpm or None,
        unit,
        clock_synced,
        clipped,
        scale if dtype == "i16" else None,
    )


@lru_cache(maxsize=256)  # a plant has a handful
def _form(head: bytes, unit: bytes) -> _Form:
    """Read the first 12 bytes of a header, up to `n_samples`, and the two bytes of its unit.

    Raises:
        PacketError: a field is not defined.
    """
    magic, version, code, channels, flags, n_samples = struct.unpack("<4sBBBBI", head)
    (unit_code,) = struct.unpack("<H", unit)
    if magic != MAGIC or version != VERSION:
        raise PacketError(Reason.BAD_HEADER, f"magic {magic!r} version {version}, not {MAGIC!r} version {VERSION}")
    if code not in DTYPE_CODES or unit_code not in UNITS or not channels:
        raise PacketError(Reason.BAD_HEADER, f"dtype {code}, unit {unit_code} or {channels} channels are not defined")
    dtype = DTYPE_CODES[code]
    return _Form(
        dtype,
        channels,
        HEADER.size + n_samples * channels * DTYPES[dtype].itemsize,
        dtype == "f32" and channels == 1 and n_samples > 0 and DTYPES["f32"] == NATIVE_F32,
        UNITS[unit_code],
        flags & FLAG_CLOCK_SYNCED != 0,
        flags & FLAG_CLIPPED != 0,
    )


def encode(packet: Packet, dtype: DtypeName = "f32", scale: float = 1.0) -> bytes:
    """Encode a packet, its samples divided by `scale` and, for integer types, rounded.

    Raises:
        ValueError: the packet has no rate, or a field is out of the header's range.
    """
    if packet.sample_rate_hz is None or packet.seq is None:
        raise ValueError("a frame needs sample_rate_hz and seq")
    channels, n_samples = packet.samples.shape
    body = _counts(packet.samples, dtype, scale).T.tobytes()
    flags = FLAG_CLIPPED * packet.clipped | FLAG_CLOCK_SYNCED * bool(packet.clock_synced)
    try:
        head = HEADER.pack(*Header(
            MAGIC, VERSION, _CODE_OF_DTYPE[dtype], channels, flags, n_samples, packet.seq, packet.boot_id,
            packet.t0_unix_ns or 0, packet.sample_rate_hz, scale, packet.rpm or 0.0, _CODE_OF_UNIT[packet.unit], 0, 0,
        ))[:-4]  # fmt: skip
    except (struct.error, OverflowError, KeyError) as error:
        raise ValueError(f"this packet does not fit into a frame: {error}") from None
    return bytes(head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body)


def _counts(samples: NDArray[np.float32], dtype: DtypeName, scale: float) -> NDArray[np.generic]:
    if dtype == "f32":
        return (samples / np.float32(scale)).astype("<f4") if scale != 1.0 else samples.astype("<f4")
    limits = np.iinfo({"i16": np.int16, "i32": np.int32}[dtype])
    counts = np.rint(samples.astype(np.float64) / scale)
    if counts.min() < limits.min or counts.max() > limits.max:
        raise ValueError(f"samples do not fit {dtype} at scale {scale}")
    return counts.astype(DTYPES[dtype])
