"""Compressed payloads: gzip and zlib, recognised by their first bytes."""

from __future__ import annotations

import zlib
from typing import Final

from drsn.agent.acquisition.codecs.packet import PacketError, Reason

COMPRESSED: Final = frozenset({b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"})
"""First two bytes of a compressed payload: of gzip, and of zlib at each level."""

_EITHER: Final = zlib.MAX_WBITS | 32
"""For `zlib`: a header of either form."""


def decompressed(payload: bytes, max_bytes: int) -> bytes:
    """Return what a payload holds; the payload itself if it is not compressed.

    A payload of samples may begin with the same two bytes by chance. So it counts as compressed only if all
    of it decompresses to the right checksum: of random bytes, one payload in 4e9 does, beyond those first bytes.

    Args:
        payload: of a message, which begins with one of `COMPRESSED`.
        max_bytes: of what it holds.

    Raises:
        PacketError: it holds more.
    """
    stream = zlib.decompressobj(_EITHER)
    try:
        content = stream.decompress(payload, max_bytes + 1)
    except zlib.error:
        return payload
    if len(content) > max_bytes:
        raise PacketError(
            Reason.TOO_LARGE, f"more than {max_bytes} bytes when decompressed, the limit of max_packet_bytes"
        )
    return content if stream.eof and not stream.unused_data and content else payload
