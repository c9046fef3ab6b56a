"""Codec `msgpack`: the map of `document` in MessagePack; samples as a list, or as `bin` in the input's `dtype`.

`t0` may also be MessagePack's own timestamp; of the other extension types none is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack

from drsn.agent.acquisition.codecs.json_document import document_of, packet_of
from drsn.agent.acquisition.codecs.packet import Format, Packet, PacketError, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

AS_UNIX_SECONDS = 1


def decode(payload: bytes, properties: Mapping[str, str], form: Format) -> Packet:  # noqa: ARG001 (the map says all)
    """Decode one message.

    Raises:
        PacketError: no MessagePack map, a field missing or of another kind, or samples that can't be.
    """
    try:
        document = msgpack.unpackb(payload, strict_map_key=True, timestamp=AS_UNIX_SECONDS)
    except (ValueError, msgpack.UnpackException) as error:  # what the library raises are these, or kinds of these
        raise PacketError(Reason.BAD_DOCUMENT, f"no MessagePack: {error or type(error).__name__}"[:120]) from None
    return packet_of(document, form)


def encode(packet: Packet) -> bytes:
    """Encode a packet: samples as one `bin` of little-endian float32, channels interleaved."""
    return bytes(msgpack.packb(document_of(packet, packet.samples.T.astype("<f4").tobytes())))
