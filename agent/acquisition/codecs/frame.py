"""Codec `frame`: a 48-byte header and samples, interleaved; content type `application/vnd.drsn.frame`.

The header says all that a packet can, so an input of frames needs no further configuration. Its crc32 covers
the first 44 bytes and the samples.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drsn.agent.acquisition.codecs.packet import DTYPES, Format, Packet, PacketError, Reason, samples_from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

CONTENT_TYPE = "application/vnd.drsn.frame"
HEADER = struct.Struct("<4sBBBBIIIQfffHHI")
MAGIC = b"DRSN"
VERSION = 1
DTYPE_CODES = {0: "i16", 1: "i32", 2: "f32"}
UNITS = {0: None, 1: "g", 2: "m/s²", 3: "mm/s", 4: "V"}
FLAG_CLIPPED = 1
FLAG_CLOCK_SYNCED = 2

_CODE_OF_DTYPE = {name: code for code, name in DTYPE_CODES.items()}
_CODE_OF_UNIT = {name: code for code, name in UNITS.items()}


class Header(NamedTuple):
    """The header's fields, in their order."""

    magic: bytes
    version: int
    dtype: int
    channels: int
    flags: int
    n_samples: int
    """Per channel."""
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


def decode(payload: bytes, properties: Mapping[str, str], form: Format) -> Packet:  # noqa: ARG001 (the header says all)
    """Decode one message.

    Raises:
        PacketError: shorter than it says, an unknown version or code, a wrong crc, or a number that can't be.
    """
    if len(payload) < HEADER.size:
        raise PacketError(Reason.TRUNCATED, f"{len(payload)} bytes, the header alone has {HEADER.size}")
    head = Header._make(HEADER.unpack_from(payload))
    _check(head)
    name = DTYPE_CODES[head.dtype]
    body = memoryview(payload)[HEADER.size :]
    if len(body) != head.n_samples * head.channels * DTYPES[name].itemsize:
        raise PacketError(
            Reason.TRUNCATED, f"{len(body)} bytes of samples, not {head.n_samples} x {head.channels} of {name}"
        )
    if zlib.crc32(body, zlib.crc32(payload[: HEADER.size - 4])) != head.crc32:
        raise PacketError(Reason.BAD_CRC, "crc32 differs")
    return Packet(
        samples=samples_from_bytes(body, name, channels=head.channels, scale=head.scale, planar=False),
        t0_unix_ns=head.t0_unix_ns or None,
        sample_rate_hz=head.sample_rate_hz,
        seq=head.seq,
        boot_id=head.boot_id,
        rpm=head.rpm or None,
        unit=UNITS[head.unit],
        clock_synced=bool(head.flags & FLAG_CLOCK_SYNCED),
        clipped=bool(head.flags & FLAG_CLIPPED),
        count=head.scale if name == "i16" else None,
    )


def _check(head: Header) -> None:
    if head.magic != MAGIC or head.version != VERSION:
        raise PacketError(
            Reason.BAD_HEADER, f"magic {head.magic!r} version {head.version}, not {MAGIC!r} version {VERSION}"
        )
    if head.dtype not in DTYPE_CODES or head.unit not in UNITS or not head.channels:
        raise PacketError(
            Reason.BAD_HEADER, f"dtype {head.dtype}, unit {head.unit} or {head.channels} channels are not defined"
        )
    numbers = (head.sample_rate_hz, head.scale, head.rpm)
    if not all(map(math.isfinite, numbers)) or head.sample_rate_hz <= 0 or head.rpm < 0 or not head.scale:
        raise PacketError(
            Reason.BAD_HEADER, f"rate {head.sample_rate_hz} Hz, scale {head.scale} or {head.rpm} rpm can't be"
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
