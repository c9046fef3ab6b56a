"""Codec `cbor` (RFC 8949): a map with the fields of `codecs.fields`; samples as list, bytes or typed array (RFC 8746).

A typed array carries its own type and byte order, and with tag 40 its shape [channels, samples], so an input of them
needs no further configuration. Of the other tags only those of time and of CBOR itself are accepted: the library's own
decoders for the rest build regular expressions, e-mails and numbers of any size from untrusted bytes.
"""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import cbor2
import numpy as np

from drsn.agent.acquisition.codecs.fields import fields_of, packet_of
from drsn.agent.acquisition.codecs.packet import Packet, PacketError, PayloadFormat, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

MAX_DEPTH = 16
"""Depth of nested maps, arrays and tags, at most; the default document has 4."""

TYPED_ARRAYS: Final = {
    64: ">u1", 65: ">u2", 66: ">u4", 67: ">u8", 68: ">u1", 69: "<u2", 70: "<u4", 71: "<u8",
    72: ">i1", 73: ">i2", 74: ">i4", 75: ">i8", 77: "<i2", 78: "<i4", 79: "<i8",
    80: ">f2", 81: ">f4", 82: ">f8", 84: "<f2", 85: "<f4", 86: "<f8",
}  # fmt: skip
"""RFC 8746, table 1, without 128-bit floats."""

F32_LITTLE_ENDIAN = 85
ROW_MAJOR = 40


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:  # noqa: ARG001 (all is in the map)
    """Decode one message.

    Raises:
        PacketError: the payload is no CBOR map, it has a tag that is not accepted, a field is missing or of another
            type, or the samples are invalid.
    """
    return packet_of(parsed(payload), payload_format)


def parsed(payload: bytes, *, text_keys: bool = True) -> Any:  # noqa: ANN401 (any value of CBOR)
    """The value of a payload.

    Args:
        payload: the whole of it.
        text_keys: maps have texts and bytes as keys, and nothing else.

    Raises:
        PacketError: it is no CBOR, or it has a tag that is not accepted.
    """
    stream = io.BytesIO(payload)
    try:
        document = cbor2.load(
            stream,
            semantic_decoders=_TAGS,
            read_size=len(payload) or 1,  # all at once
            max_depth=MAX_DEPTH,
            allow_duplicate_keys=False,
            strict_hashable_types=text_keys,
        )
    except cbor2.CBORDecodeError as error:
        if isinstance(error.__cause__, PacketError):
            raise error.__cause__ from None
        raise PacketError(Reason.BAD_DOCUMENT, f"not CBOR: {error}"[:120]) from None
    if stream.tell() != len(payload):
        raise PacketError(Reason.BAD_DOCUMENT, f"{len(payload) - stream.tell()} bytes after the CBOR map")
    return document


def encode(packet: Packet) -> bytes:
    """Encode a packet: samples as one typed array of little-endian float32, several channels in the shape of tag 40."""
    typed = cbor2.CBORTag(F32_LITTLE_ENDIAN, packet.samples.astype("<f4").tobytes())
    shaped = cbor2.CBORTag(ROW_MAJOR, [list(packet.samples.shape), typed])
    samples = typed if packet.samples.shape[0] == 1 else shaped
    return cbor2.dumps(fields_of(packet, samples))


def _refuse(_value: object, _immutable: bool) -> object:  # noqa: FBT001 (the signature is the library's)
    raise PacketError(Reason.BAD_DOCUMENT, "a CBOR tag that is not supported")


def _untagged(value: object, _immutable: bool) -> object:  # noqa: FBT001 (cbor2 calls it)
    return value


def _typed_array(dtype: np.dtype[Any], value: object, _immutable: bool) -> NDArray[Any]:  # noqa: FBT001 (cbor2 calls it)
    if not isinstance(value, bytes):
        raise PacketError(Reason.BAD_DOCUMENT, "a typed array does not contain bytes")
    if len(value) % dtype.itemsize:
        raise PacketError(
            Reason.TRUNCATED, f"{len(value)} bytes are not a whole number of {dtype.str} in a typed array"
        )
    return np.frombuffer(value, dtype)


def _reshaped(value: object, _immutable: bool) -> NDArray[Any]:  # noqa: FBT001 (cbor2 calls it)
    match value:
        case [[int(channels), int(samples)], np.ndarray() as flat] if channels * samples == flat.size and channels > 0:
            return flat.reshape(channels, samples)
    raise PacketError(Reason.BAD_DOCUMENT, "an array of tag 40 is not [[channels, samples], typed array]")


class _Tags(dict[int, "Callable[[Any, bool], Any]"]):
    """Has an entry for every tag, so that the library never uses a decoder of its own."""

    def __missing__(self, tag: int) -> Callable[[Any, bool], Any]:
        return _refuse


_TAGS = _Tags({0: _untagged, 1: _untagged, 55799: _untagged, ROW_MAJOR: _reshaped})  # time as text, as a number; CBOR
_TAGS.update({tag: partial(_typed_array, np.dtype(dtype)) for tag, dtype in TYPED_ARRAYS.items()})
