"""Codec `json`: a document with the fields of `codecs.fields`; samples as a list, or as base64.

`orjson`, where it is installed (extra `drsn-edge[codecs]`), parses a list of samples five to ten times as fast as the
standard library. What it refuses, `json` decides: NaN, for example, is no JSON, but it shows a fault of the sensor.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from drsn.agent.acquisition.codecs.fields import fields_of, packet_of
from drsn.agent.acquisition.codecs.packet import Packet, PacketError, PayloadFormat, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_fast_loads: Callable[[bytes], Any] | None
try:
    import orjson
except ImportError:
    _fast_loads = None
else:
    _fast_loads = orjson.loads


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:  # noqa: ARG001 (all is in it)
    """Decode one message.

    Raises:
        PacketError: the payload is no JSON object, a field is missing or of another type, or the samples are invalid.
    """
    return packet_of(parsed(payload), payload_format, plain=True)


def parsed(payload: bytes) -> Any:  # noqa: ANN401 (any value of JSON)
    """The value of a payload; NUL bytes behind it, as C programs send them, are no part of it.

    Raises:
        PacketError: it is no JSON.
    """
    if _fast_loads is not None:
        try:
            return _fast_loads(payload)
        except ValueError:
            pass  # `json` gives the reason, or accepts it
    try:
        # Of UTF-16 the last byte may be 0 as well: only a payload that begins as UTF-8 does loses its end.
        return json.loads(payload.rstrip(b"\0") if b"\0" not in payload[:4] else payload)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise PacketError(Reason.BAD_DOCUMENT, f"not JSON: {error}"[:120]) from None


def encode(packet: Packet) -> bytes:
    """Encode a packet: samples as a list, or one list per channel."""
    samples = packet.samples.tolist()
    return json.dumps(fields_of(packet, samples[0] if len(samples) == 1 else samples)).encode()
