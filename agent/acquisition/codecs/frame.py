"""Codec `frame`: a 48-byte header and interleaved samples; content type `application/vnd.drsn.frame`.

The header has every field of a packet, so an input of frames needs no further configuration. Its crc32 covers the first
44 bytes and the samples.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from drsn.agent.acquisition.codecs.packet import (
    DTYPES,
    DtypeName,
    Packet,
    PacketError,
    PayloadFormat,
    Reason,
    samples_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

CONTENT_TYPE = "application/vnd.drsn.frame"
HEADER = struct.Struct("<4sBBBBIIIQfffHHI")
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


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:  # noqa: ARG001 (the header has all)
    """Decode one message.

    Raises:
        PacketError: the payload is shorter than its header states, the version or a code is unknown, the crc is wrong,
            or a number is impossible.
    """
    if len(payload) < HEADER.size:
        raise PacketError(Reason.TRUNCATED, f"{len(payload)} bytes, the header alone has {HEADER.size}")
    header = HEADER.unpack_from(payload)
    # In the order of `Header`, without its named tuple: that takes as long as the rest of this function.
    _, _, code, channels, flags, n_samples, seq, boot_id, t0_unix_ns, rate_hz, scale, rpm, unit, _, crc = header
    _check(header)
    dtype, body = DTYPE_CODES[code], memoryview(payload)[HEADER.size :]
    if len(body) != n_samples * channels * DTYPES[dtype].itemsize:
        raise PacketError(Reason.TRUNCATED, f"{len(body)} bytes of samples, not {n_samples} x {channels} of {dtype}")
    if zlib.crc32(body, zlib.crc32(payload[: HEADER.size - 4])) != crc:
        raise PacketError(Reason.BAD_CRC, "crc32 differs")
    return Packet(
        samples_of(body, dtype, scale, channels),
        t0_unix_ns or None,
        rate_hz,
        seq,
        boot_id,
        rpm or None,
        UNITS[unit],
        flags & FLAG_CLOCK_SYNCED != 0,
        flags & FLAG_CLIPPED != 0,
        scale if dtype == "i16" else None,
    )


def _check(header: tuple[Any, ...]) -> None:
    """Raise an error unless each field of the header is possible; `header` is in the order of `Header`."""
    magic, version, dtype, channels, _, _, _, _, _, rate_hz, scale, rpm, unit, _, _ = header
    if magic != MAGIC or version != VERSION:
        raise PacketError(Reason.BAD_HEADER, f"magic {magic!r} version {version}, not {MAGIC!r} version {VERSION}")
    if dtype not in DTYPE_CODES or unit not in UNITS or not channels:
        raise PacketError(Reason.BAD_HEADER, f"dtype {dtype}, unit {unit} or {channels} channels are not defined")
    # A NaN makes each comparison false.
    if not (0 < rate_hz < math.inf and 0 <= rpm < math.inf and 0 < abs(scale) < math.inf):
        raise PacketError(Reason.BAD_HEADER, f"rate {rate_hz} Hz, scale {scale} or {rpm} rpm is impossible")


def encode(packet: Packet, dtype: DtypeName = "f32", scale: float = 1.0) -> bytes:
    """Encode a packet, its samples divided by `scale` and, for integer types, rounded.

    Raises:
        ValueError: the packet has no rate, or a field is out of the header's range.
    """
    if packet.sample_rate_hz is None or packet.seq is None:
        raise ValueError("a frame must carry its sample_rate_hz and its seq")
    channels, n_samples = packet.samples.shape
    body = _counts(packet.samples, dtype, scale).T.tobytes()
    flags = FLAG_CLIPPED * packet.clipped | FLAG_CLOCK_SYNCED * bool(packet.clock_synced)
    try:
        head = HEADER.pack(*Header(
            MAGIC, VERSION, _CODE_OF_DTYPE[dtype], channels, flags, n_samples, packet.seq, packet.boot_id,
            packet.t0_unix_ns or 0, packet.sample_rate_hz, scale, packet.rpm or 0.0, _CODE_OF_UNIT[packet.unit], 0, 0,
        ))[:-4]  # fmt: skip
    except (struct.error, OverflowError, KeyError) as error:
        raise ValueError(f"no frame can hold this packet: {error}") from None
    return bytes(head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body)


def _counts(samples: NDArray[np.float32], dtype: DtypeName, scale: float) -> NDArray[np.generic]:
    if dtype == "f32":
        return (samples / np.float32(scale)).astype("<f4") if scale != 1.0 else samples.astype("<f4")
    limits = np.iinfo({"i16": np.int16, "i32": np.int32}[dtype])
    counts = np.rint(samples.astype(np.float64) / scale)
    if counts.min() < limits.min or counts.max() > limits.max:
        raise ValueError(f"samples do not fit {dtype} at scale {scale}")
    return counts.astype(DTYPES[dtype])
