"""Packet fields by name: what the codecs of documents share. An input may configure other paths.

`samples` is a list of numbers, a list or an object for each channel or moment, or numbers in the input's `dtype`: as
bytes, or as text. Numbers may come as text. `t0` is Unix time in the input's `t0_unit`, or ISO 8601.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.acquisition.codecs.document_path import document_path, keys_shown
from drsn.agent.acquisition.codecs.moment import t0_unix_ns
from drsn.agent.acquisition.codecs.packet import MAX_U32, Packet, PacketError, PayloadFormat, Reason, plain_row
from drsn.agent.acquisition.codecs.sample_bytes import calibrated, in_channels, samples_from_bytes
from drsn.agent.acquisition.codecs.sample_lists import channels_of, numbers_of
from drsn.agent.acquisition.codecs.sample_text import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

FIELDS = ("samples", "t0", "sample_rate_hz", "seq", "boot_id", "rpm", "unit")

MAX_UNIT = 16

MAX_NUMBER_CHARS: Final = 32
"""Characters of a number that comes as text."""


def packet_of(document: object, payload_format: PayloadFormat, *, plain: bool = False) -> Packet:
    """The packet with a document's fields; `samples` may also be bytes, or a numpy array.

    Args:
        document: as its library parsed it.
        payload_format: paths of the fields, and what the configuration states about the samples.
        plain: whatever `float` accepts in the document is a float, an int or a bool.

    Raises:
        PacketError: a field is missing or of another type, or the samples are invalid.
    """
    samples_in, t0, rate_in, seq, boot_id, rpm_in, unit = _values(document, payload_format.fields)
    rate = None if rate_in is None else _number(rate_in, "sample_rate_hz")
    rpm = None if rpm_in is None else _number(rpm_in, "rpm")
    if (rate is not None and rate <= 0) or (rpm is not None and rpm < 0):
        raise PacketError(Reason.BAD_DOCUMENT, f"{rate} Hz or {rpm} rpm is impossible")
    if payload_format.channel_paths:
        samples_in = None
    samples, encoded, from_i16 = _samples(samples_in, document, payload_format, plain=plain)
    return Packet(
        samples,
        None if t0 is None else t0_unix_ns(t0, payload_format),
        rate,
        None if seq is None else _sequence(seq),
        0 if boot_id is None else _boot_id(boot_id),
        rpm,
        None if unit is None else _unit(unit),
        count=payload_format.scale if from_i16 and not payload_format.offset else None,
        encoded=encoded,
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
    if isinstance(document, list) and "samples" not in paths:  # a bare list is its samples
        paths = {**paths, "samples": ""}
    return [document_path(paths.get(name, name)).value_in(document) for name in FIELDS]


def _number(value: object, name: str) -> float:
    if isinstance(value, str) and len(value) <= MAX_NUMBER_CHARS:
        try:
            value = float(value)
        except ValueError:
            raise PacketError(Reason.BAD_DOCUMENT, f"{name} {value!r} is not a number") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PacketError(Reason.BAD_DOCUMENT, f"{name} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise PacketError(Reason.BAD_DOCUMENT, f"{name} is not finite")
    return number


def _sequence(value: object) -> int:
    """The number of a packet. A counter of more than 32 bits is taken modulo 2**32, as one of 32 bits wraps."""
    if type(value) is int and 0 <= value <= MAX_U32:
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= MAX_NUMBER_CHARS:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise PacketError(Reason.BAD_DOCUMENT, "seq is not a whole number of 0 or more")
    return value & MAX_U32


def _boot_id(value: object) -> int:
    """The number of a boot; a text, such as a MAC address or a UUID, gives its CRC-32, which is never 0 here."""
    if type(value) is int and 0 <= value <= MAX_U32:
        return value
    if isinstance(value, str):
        return zlib.crc32(value.encode("utf-8", "surrogatepass")) or 1 if value else 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_U32:
        raise PacketError(Reason.BAD_DOCUMENT, f"boot_id is neither an integer from 0 to {MAX_U32} nor text")
    return value


def _unit(value: object) -> str:
    # Half a surrogate pair, which JSON can encode, would break the result document.
    if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_UNIT:
        raise PacketError(Reason.BAD_DOCUMENT, f"unit is not text of at most {MAX_UNIT} characters")
    return value


def _samples(
    value: Any,  # noqa: ANN401 (any value of the document)
    document: object,
    form: PayloadFormat,
    *,
    plain: bool,
) -> tuple[NDArray[np.float32], bytes | None, bool]:
    """float32[channels, samples]; the bytes that held them, if they came as bytes; and true for 16-bit counts."""
    if isinstance(value, str):
        value = decoded(value, form.encoding)
    if isinstance(value, bytes):
        return samples_from_bytes(value, form), value, form.dtype == "i16"
    if isinstance(value, dict) or (value is None and form.channel_names):
        numbers = _by_channel(value, document, form, plain=plain)
    elif value is None:
        raise PacketError(Reason.BAD_DOCUMENT, _missing(document, form))
    else:
        numbers = numbers_of(value, form, plain=plain)
    if not numbers.size:
        raise PacketError(Reason.EMPTY, "no samples")
    if numbers.ndim == form.channels == form.scale == 1 and not form.offset and (row := plain_row(numbers)) is not None:
        return row, None, False
    from_i16 = numbers.dtype.kind == "i" and numbers.dtype.itemsize == 2
    return calibrated(in_channels(numbers, form) if numbers.ndim == 1 else numbers, form), None, from_i16


def _by_channel(value: object, document: object, form: PayloadFormat, *, plain: bool) -> NDArray[Any]:
    """The numbers of a document with one value for each channel, at paths of their own or under the channels' names."""
    if form.channel_paths:
        values = [document_path(path).value_in(document) for path in form.channel_paths]
        return channels_of(values, form.channel_names, form, plain=plain)
    axes = document if value is None else value
    if not isinstance(axes, dict) or (value is None and not any(name in axes for name in form.channel_names)):
        raise PacketError(Reason.BAD_DOCUMENT, _missing(document, form))
    if not form.channel_names:
        raise PacketError(Reason.BAD_DOCUMENT, f"{keys_shown(axes, 'samples')[:100]}: name these keys in `channels`")
    return channels_of([axes.get(name) for name in form.channel_names], form.channel_names, form, plain=plain)


def _missing(document: object, form: PayloadFormat) -> str:
    path = form.fields.get("samples", "samples")
    if isinstance(document, dict) and path in document and "." in path:
        return f"the key {path[:60]!r} contains dots: write fields.samples = \"['{path[:60]}']\""
    return f"no samples at fields.samples = {path[:60]!r}: {keys_shown(document)[:100]}"
