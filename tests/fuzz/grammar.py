"""Documents out of arbitrary bytes, so that a fuzzer reaches what lies behind a parser that refuses most of them."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import cbor2
import msgpack

from drsn.agent.acquisition.codecs.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

TAGS = (0, 1, 2, 4, 28, 29, 35, 40, 64, 68, 69, 73, 76, 77, 80, 82, 83, 84, 85, 86, 258, 55799, 1 << 40)
MAX_DEPTH = 5


class Bytes:
    """Decisions, taken from bytes; zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def take(self, count: int) -> bytes:
        taken, self._data = bytes(self._data[:count]), self._data[count:]
        return taken.ljust(count, b"\0")

    def byte(self) -> int:
        return self.take(1)[0]

    def rest(self, at_most: int) -> bytes:
        """As many of what is left."""
        return self.take(min(at_most, len(self._data)))

    @property
    def empty(self) -> bool:
        return not self._data


def document(source: Bytes) -> Any:  # noqa: ANN401 (any document)
    """A map of a packet's fields, each with any value."""
    which = source.byte()
    return {name: value(source) for bit, name in enumerate(FIELDS) if which >> bit & 1}


def value(source: Bytes, depth: int = 0) -> Any:  # noqa: ANN401
    """Any value that a document could hold; in one of two cases of a kind that is right somewhere."""
    kinds: tuple[Callable[[], Any], ...] = (
        lambda: source.byte() - 8,
        lambda: struct.unpack("<d", source.take(8))[0],
        lambda: struct.unpack("<f", source.take(4))[0],
        lambda: [struct.unpack("<h", source.take(2))[0] / 16 for _ in range(source.byte() % 16)],
        lambda: source.rest(source.byte()),
        lambda: source.rest(source.byte()).decode("utf-8", "replace"),
        lambda: struct.unpack("<q", source.take(8))[0],
        lambda: ("2026-01-01T00:00:00Z", "g", "m/s²", "2025-12-31 18:30:00-05:30")[source.byte() % 4],
        lambda: base64.b64encode(source.rest(source.byte())).decode(),
        lambda: (None, True, False, float("nan"), float("inf"), 1 << 70)[source.byte() % 6],
        lambda: _nested(source, depth, lambda: [value(source, depth + 1) for _ in range(source.byte() % 6)]),
        lambda: _nested(source, depth, lambda: [[source.byte()] * (source.byte() % 4) for _ in range(3)]),
        lambda: _nested(source, depth, lambda: {source.rest(2).hex(): value(source, depth + 1)}),
        lambda: _nested(
            source, depth, lambda: cbor2.CBORTag(TAGS[source.byte() % len(TAGS)], value(source, depth + 1))
        ),
        lambda: cbor2.CBORTag(64 + source.byte() % 24, source.rest(source.byte())),
        lambda: cbor2.CBORTag(40, [[source.byte() % 4, source.byte() % 8], cbor2.CBORTag(85, source.rest(96))]),
    )
    return kinds[source.byte() % len(kinds)]()


def _nested(source: Bytes, depth: int, make: Callable[[], Any]) -> Any:  # noqa: ANN401
    return None if depth >= MAX_DEPTH or source.empty else make()


def _plain(tagged: object) -> object:
    """Stands in for a value that JSON and MessagePack can not encode."""
    while isinstance(tagged, cbor2.CBORTag):
        tagged = tagged.value
    return base64.b64encode(tagged).decode() if isinstance(tagged, bytes) else tagged


ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "json": lambda it: json.dumps(it, default=_plain).encode(),
    "cbor": cbor2.dumps,
    "msgpack": lambda it: msgpack.packb(it, default=_plain),
}
