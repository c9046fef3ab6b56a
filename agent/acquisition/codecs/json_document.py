"""Codec `json`: a document with the fields of `codecs.fields`; samples as a list, or as base64."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs.fields import fields_of, packet_of
from drsn.agent.acquisition.codecs.packet import Packet, PacketError, PayloadFormat, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:  # noqa: ARG001 (all is in it)
    """Decode one message.

    Raises:
        PacketError: the payload is no JSON object, a field is missing or of another type, or the samples are invalid.
    """
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise PacketError(Reason.BAD_DOCUMENT, f"not JSON: {error}"[:120]) from None
    return packet_of(document, payload_format)


def encode(packet: Packet) -> bytes:
    """Encode a packet: samples as a list, or one list per channel."""
    samples = packet.samples.tolist()
    return json.dumps(fields_of(packet, samples[0] if len(samples) == 1 else samples)).encode()
