"""Codec `msgpack`: a map with the fields of `codecs.fields`; samples as a list, or as `bin` in the input's `dtype`.

`t0` may also be MessagePack's own timestamp. Other extension types are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from drsn.agent.acquisition.codecs.fields import fields_of, packet_of
from drsn.agent.acquisition.codecs.packet import Packet, PacketError, PayloadFormat, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

AS_UNIX_SECONDS = 1


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:  # noqa: ARG001 (all is in the map)
    """Decode one message.

    Raises:
        PacketError: the payload is no MessagePack map, a field is missing or of another type, or the samples are
            invalid.
    """
    return packet_of(parsed(payload), payload_format, plain=True)


def parsed(payload: bytes) -> Any:  # noqa: ANN401 (any value of MessagePack)
    """The value of a payload.

    Raises:
        PacketError: it is no MessagePack.
    """
    try:
        return msgpack.unpackb(payload, strict_map_key=True, timestamp=AS_UNIX_SECONDS)
    except (ValueError, msgpack.UnpackException) as error:  # all errors of the library are these, or derived from them
        raise PacketError(Reason.BAD_DOCUMENT, f"not MessagePack: {error or type(error).__name__}"[:120]) from None


def encode(packet: Packet) -> bytes:
    """Encode a packet: samples as one `bin` of little-endian float32, channels interleaved."""
    return bytes(msgpack.packb(fields_of(packet, packet.samples.T.astype("<f4").tobytes())))
