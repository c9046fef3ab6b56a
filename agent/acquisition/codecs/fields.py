"""Packet fields by name: what the codecs `json`, `cbor` and `msgpack` share. An input may configure other paths.

`samples` is a list of numbers, a list of lists (one per channel), or little-endian numbers in the input's `dtype`: as
bytes, or in JSON as base64. `t0` is Unix seconds, or ISO 8601 with its offset from UTC.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import math
import struct
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.agent.acquisition.codecs.packet import (
    MAX_T0_UNIX_NS,
    MAX_U32,
    Packet,
    PacketError,
    PayloadFormat,
    Reason,
    samples_from_bytes,
    scaled,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FIELDS = ("samples", "t0", "sample_rate_hz", "seq", "boot_id", "rpm", "unit")

MAX_UNIT = 16

MAX_F32_ITEMSIZE = 8
"""Numbers of fewer bytes than this are within float32."""


def packet_of(document: object, payload_format: PayloadFormat, *, plain: bool = False) -> Packet:
    """The packet with a document's fields; `samples` may also be bytes, or a numpy array.

    Args:
        document: as its library parsed it.
        payload_format: paths of the fields, and what the configuration states about the samples.
        plain: whatever `float` accepts in the document is a float, an int or a bool.

    Raises:
        PacketError: the document is no map, a field is missing or of another type, or the samples are invalid.
    """
    samples_in, t0, rate_in, seq, boot_id, rpm_in, unit = _values(document, payload_format.fields)
    rate = None if rate_in is None else _number(rate_in, "sample_rate_hz")
    rpm = None if rpm_in is None else _number(rpm_in, "rpm")
    if (rate is not None and rate <= 0) or (rpm is not None and rpm < 0):
        raise PacketError(Reason.BAD_DOCUMENT, f"{rate} Hz or {rpm} rpm is impossible")
    samples, from_i16 = _samples(samples_in, payload_format, plain=plain)
    return Packet(
        samples,
        None if t0 is None else _unix_ns(t0),
        rate,
        None if seq is None else _integer(seq, "seq"),
        0 if boot_id is None else _integer(boot_id, "boot_id"),
        rpm,
        None if unit is None else _unit(unit),
        count=payload_format.scale if from_i16 else None,
    )


def fields_of(packet: Packet, samples: object) -> dict[str, object]:
    """The fields that a packet has, in the order of `FIELDS`; `samples` are its samples as the codec encodes them."""
    values = {
        "samples": samples,
        "t0": None if packet.t0_unix_ns is None else packet.t0_unix_ns / 1e9,
        "sample_rate_hz": packet.sample_rate_hz,
        "seq": packet.seq,
        "boot_id": packet.boot_id or None,
        "rpm": packet.rpm,
        "unit": packet.unit,
    }
    return {name: value for name, value in values.items() if value is not None}


def _values(document: object, paths: Mapping[str, str]) -> list[Any]:
    """The values of `FIELDS` in a document; None for what it lacks."""
    if not paths and isinstance(document, dict):
        return list(map(document.get, FIELDS))
    return [_value_at(document, paths.get(name, name)) for name in FIELDS]


def _value_at(document: Any, path: str) -> Any:  # noqa: ANN401 (any value of the document)
    for part in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PacketError(Reason.BAD_DOCUMENT, f"{name} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise PacketError(Reason.BAD_DOCUMENT, f"{name} is not finite")
    return number


def _integer(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_U32:
        raise PacketError(Reason.BAD_DOCUMENT, f"{name} is not an integer from 0 to {MAX_U32}")
    return value


def _unit(value: object) -> str:
    # Half a surrogate pair, which JSON can encode, would break the result document.
    if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_UNIT:
        raise PacketError(Reason.BAD_DOCUMENT, f"unit is not a plain text of at most {MAX_UNIT} characters")
    return value


def _unix_ns(value: object) -> int:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            raise PacketError(Reason.BAD_DOCUMENT, f"t0 {value[:40]!r} is not an ISO 8601 time") from None
        if moment.tzinfo is None:
            raise PacketError(Reason.BAD_DOCUMENT, "t0 has no offset from UTC")
        value = moment.timestamp()
    seconds = _number(value, "t0")
    if not 0 <= seconds * 1e9 <= MAX_T0_UNIX_NS:
        raise PacketError(Reason.BAD_DOCUMENT, f"t0 {seconds} s is no possible Unix time")
    return round(seconds * 1e9)


def _samples(value: object, payload_format: PayloadFormat, *, plain: bool) -> tuple[NDArray[np.float32], bool]:
    """float32[channels, samples]; and true if they came as 16-bit counts."""
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise PacketError(Reason.BAD_DOCUMENT, "samples are not base64") from None
    if isinstance(value, bytes):
        return samples_from_bytes(value, payload_format), payload_format.dtype == "i16"
    numbers = value if isinstance(value, np.ndarray) else _numbers(value, plain=plain)
    if not numbers.size:
        raise PacketError(Reason.EMPTY, "no samples")
    from_i16 = numbers.dtype.kind == "i" and numbers.dtype.itemsize == 2
    if numbers.ndim == 1:
        channels = payload_format.channels
        if numbers.size % channels:
            raise PacketError(Reason.TRUNCATED, f"{numbers.size} samples do not fill {channels} channels")
        numbers = numbers.reshape(channels, -1) if payload_format.planar else numbers.reshape(-1, channels).T
    if numbers.dtype.itemsize < MAX_F32_ITEMSIZE:
        return scaled(numbers, payload_format.scale), from_i16
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite as float32 is refused
        return scaled(numbers, payload_format.scale), from_i16


def _numbers(value: object, *, plain: bool) -> NDArray[np.float64]:
    """The numbers of a list, or of a list per channel.

    Their types are checked first: numpy reserves room for the longest string of a list in each of its elements, and
    5,000 letters beside 100,000 empty strings took 2 GB and 18 s to be refused.
    """
    if not isinstance(value, list):
        raise PacketError(Reason.BAD_DOCUMENT, "samples are missing, or neither a list, nor base64 or bytes")
    rows = value if value and isinstance(value[0], list) else [value]
    equal = all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows)
    if equal and plain and (packed := _packed(rows)) is not None:
        return packed if rows is value else packed[0]
    if not (equal and set().union(*(map(type, row) for row in rows)) <= {int, float}):
        raise PacketError(Reason.BAD_DOCUMENT, "samples are not numbers in one list, or in one list per channel")
    try:
        return np.array(value, dtype=np.float64)
    except OverflowError:
        raise PacketError(Reason.BAD_DOCUMENT, "a sample is too large for a float") from None


def _packed(rows: list[list[object]]) -> NDArray[np.float64] | None:
    """The numbers of rows of one length: float64[rows, n]; None: something is neither float nor int.

    `struct` takes a quarter of the time of `np.array`, and finds every other type of a plain document but bool, which
    becomes 0 or 1.
    """
    try:
        data = struct.pack(f"{len(rows) * len(rows[0])}d", *itertools.chain.from_iterable(rows))
    except (struct.error, OverflowError):
        return None
    numbers = np.frombuffer(data, np.float64).reshape(len(rows), -1)
    zeros_and_ones = np.argwhere((numbers == 0) | (numbers == 1))
    return None if any(isinstance(rows[row][at], bool) for row, at in zeros_and_ones.tolist()) else numbers
