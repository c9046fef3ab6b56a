"""Codec `frame`: a 48-byte header and interleaved samples; content type `application/vnd.drsn.frame`.

The header has every field of a packet, so an input of frames needs no further configuration. Its crc32 covers the first
44 bytes and the samples.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from drsn.agent.acquisition.codecs.packet import DTYPES, Packet, PacketError, PayloadFormat, Reason, samples_from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

CONTENT_TYPE = "application/vnd.drsn.frame"
HEADER = struct.Struct("<4sBBBBIIIQfffHHI")
MAGIC = b"DRSN"
VERSION = 1
DTYPE_CODES: Final[dict[int, Literal["f32", "i16", "i32"]]] = {0: "i16", 1: "i32", 2: "f32"}
UNITS = {0: None, 1: "g", 2: "m/s²", 3: "mm/s", 4: "V"}
FLAG_CLIPPED = 1
FLAG_CLOCK_SYNCED = 2

_CODE_OF_DTYPE: dict[str, int] = {name: code for code, name in DTYPE_CODES.items()}
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
    header = Header._make(HEADER.unpack_from(payload))
    _check(header)
    dtype = DTYPE_CODES[header.dtype]
    body = memoryview(payload)[HEADER.size :]
    if len(body) != header.n_samples * header.channels * DTYPES[dtype].itemsize:
        raise PacketError(
            Reason.TRUNCATED, f"{len(body)} bytes of samples, not {header.n_samples} x {header.channels} of {dtype}"
        )
    if zlib.crc32(body, zlib.crc32(payload[: HEADER.size - 4])) != header.crc32:
        raise PacketError(Reason.BAD_CRC, "crc32 differs")
    return Packet(
        samples=samples_from_bytes(body, PayloadFormat(dtype, header.scale, header.channels)),
        t0_unix_ns=header.t0_unix_ns or None,
        sample_rate_hz=header.sample_rate_hz,
        seq=header.seq,
        boot_id=header.boot_id,
        rpm=header.rpm or None,
        unit=UNITS[header.unit],
        clock_synced=bool(header.flags & FLAG_CLOCK_SYNCED),
        clipped=bool(header.flags & FLAG_CLIPPED),
        count=header.scale if dtype == "i16" else None,
    )


def _check(header: Header) -> None:
    if header.magic != MAGIC or header.version != VERSION:
        raise PacketError(
            Reason.BAD_HEADER, f"magic {header.magic!r} version {header.version}, not {MAGIC!r} version {VERSION}"
        )
    if header.dtype not in DTYPE_CODES or header.unit not in UNITS or not header.channels:
        raise PacketError(
            Reason.BAD_HEADER, f"dtype {header.dtype}, unit {header.unit} or {header.channels} channels are not defined"
        )
    numbers = (header.sample_rate_hz, header.scale, header.rpm)
    if not all(map(math.isfinite, numbers)) or header.sample_rate_hz <= 0 or header.rpm < 0 or not header.scale:
        raise PacketError(
            Reason.BAD_HEADER,
            f"rate {header.sample_rate_hz} Hz, scale {header.scale} or {header.rpm} rpm is impossible",
        )


def encode(packet: Packet, dtype: str = "f32", scale: float = 1.0) -> bytes:
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


def _counts(samples: NDArray[np.float32], dtype: str, scale: float) -> NDArray[np.generic]:
    if dtype == "f32":
        return (samples / np.float32(scale)).astype("<f4") if scale != 1.0 else samples.astype("<f4")
    limits = np.iinfo({"i16": np.int16, "i32": np.int32}[dtype])
    counts = np.rint(samples.astype(np.float64) / scale)
    if counts.min() < limits.min or counts.max() > limits.max:
        raise ValueError(f"samples do not fit {dtype} at scale {scale}")
    return counts.astype(DTYPES[dtype])
