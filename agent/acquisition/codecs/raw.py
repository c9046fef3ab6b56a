"""Codec `raw`: bare little-endian samples; MQTT 5 user properties carry `seq`, `boot_id` and `t0_unix_ns`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs.packet import (
    MAX_T0_UNIX_NS,
    MAX_U32,
    Packet,
    PacketError,
    PayloadFormat,
    Reason,
    samples_from_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMITS = {"seq": MAX_U32, "boot_id": MAX_U32, "t0_unix_ns": MAX_T0_UNIX_NS}


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:
    """Decode one message.

    Raises:
        PacketError: the bytes do not fit the payload format, or a property is no number in its range.
    """
    return Packet(
        samples=samples_from_bytes(payload, payload_format),
        seq=_number(properties, "seq"),
        boot_id=_number(properties, "boot_id") or 0,
        t0_unix_ns=_number(properties, "t0_unix_ns"),
        count=payload_format.scale if payload_format.dtype == "i16" else None,
    )


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
