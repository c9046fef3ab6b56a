"""Codec `raw`: bare samples; MQTT 5 user properties carry `seq`, `boot_id` and `t0_unix_ns`.

The samples are numbers of the input's `dtype`; with `encoding` set they are text: hex, base64, or numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.codecs.packet import (
    MAX_T0_UNIX_NS,
    MAX_U32,
    Packet,
    PacketError,
    PayloadFormat,
    Reason,
)
from drsn.agent.acquisition.codecs.sample_bytes import calibrated, in_channels, samples_from_bytes
from drsn.agent.acquisition.codecs.sample_text import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMITS = {"seq": MAX_U32, "boot_id": MAX_U32, "t0_unix_ns": MAX_T0_UNIX_NS}


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:
    """Decode one message.

    Raises:
        PacketError: the bytes do not fit the payload format, or a property is no number in its range.
    """
    form = payload_format
    encoded, samples = payload, None
    if form.encoding != "auto":
        form, found = replace(form, header_bytes=0), _decoded(payload, form)
        if isinstance(found, bytes):
            encoded = found
        else:
            samples = calibrated(in_channels(np.array(found), form), form)
    return Packet(
        samples=samples_from_bytes(encoded, form) if samples is None else samples,
        seq=_number(properties, "seq"),
        boot_id=_number(properties, "boot_id") or 0,
        t0_unix_ns=_number(properties, "t0_unix_ns"),
        count=form.scale if form.dtype == "i16" and not form.offset else None,
        encoded=encoded if samples is None else None,
    )


def _decoded(payload: bytes, form: PayloadFormat) -> bytes | list[float]:
    """The bytes, or the numbers, of a payload of text."""
    try:
        text = payload[form.header_bytes :].decode("ascii")
    except UnicodeDecodeError:
        raise PacketError(Reason.BAD_DOCUMENT, f"the payload is not text, but encoding is {form.encoding!r}") from None
    found = decoded(text.rstrip("\0"), form.encoding)
    if not found:
        raise PacketError(Reason.EMPTY, "no samples")
    return found


def encode(packet: Packet) -> bytes:
    """Encode the samples as little-endian float32, interleaved; `properties_of` has the rest of the packet."""
    return bytes(packet.samples.T.astype("<f4").tobytes())


def properties_of(packet: Packet) -> dict[str, str]:
    """The user properties of a packet's message."""
    values = {name: getattr(packet, name) for name in _LIMITS}
    return {name: str(value) for name, value in values.items() if value is not None}


def _number(properties: Mapping[str, str], name: str) -> int | None:
    text = properties.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= _LIMITS[name]):
        raise PacketError(Reason.BAD_PROPERTY, f"user property {name} is {text[:24]!r}, not 0 to {_LIMITS[name]}")
    return int(text)
