"""Looks through an ONNX file for what no bundle may hold; without onnx, which no device has, and before any runtime.

The file is walked as Protocol Buffers (onnx.proto of IR 8). A field that is not followed below is skipped unread, and
so is one that a newer ONNX adds: it is the runtime's to refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 16
"""Of messages within messages: each graph within a graph takes three."""

MAX_FIELDS = 1_000_000
"""That are looked at: two seconds; our graphs have a thousand."""

MAX_NUMBER = (1 << 29) - 1
"""Of a field, by Protocol Buffers."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types; groups (3, 4) are older than ONNX."""

PARTS: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 8: "opset"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "opset": {},
}
"""Message -> field -> message: every way to a tensor, to an operator, or to a set of operators."""

REFUSED: Final[dict[str, dict[int, str]]] = {
    "model": {20: "a training graph", 25: "operators of its own"},
    "tensor": {13: "weights in other files"},
}

DOMAINS: Final[dict[str, int]] = {"node": 7, "opset": 1}
"""Message -> the field that names the set of operators."""

PLAIN_DOMAINS = (b"", b"ai.onnx")

DATA_LOCATION = 14
"""Of a tensor; anything but 0 is outside of the file."""


class OnnxWireError(ValueError):
    """It is no ONNX, or it holds what no bundle may hold."""


def require_self_contained(content: bytes) -> None:
    """See that a network is all in this file and uses the operators of ONNX alone.

    Raises:
        OnnxWireError: weights in other files, operators that are not ONNX's, or bytes that are no Protocol Buffers.
    """
    left = [MAX_FIELDS]
    _walk(memoryview(content), "model", MAX_DEPTH, left)


def _walk(data: memoryview, kind: str, depth: int, left: list[int]) -> None:
    if not depth:
        raise OnnxWireError("graphs within graphs without end")
    for number, value in _fields(data, left):
        if what := REFUSED.get(kind, {}).get(number):
            raise OnnxWireError(f"holds {what}")
        if kind == "tensor" and number == DATA_LOCATION and value != 0:
            raise OnnxWireError("holds weights in other files")
        if number == DOMAINS.get(kind) and bytes(_part(value)[:64]) not in PLAIN_DOMAINS:
            raise OnnxWireError(f"uses operators of {bytes(_part(value)[:64])!r}, not ONNX's own alone")
        if part := PARTS[kind].get(number):
            _walk(_part(value), part, depth - 1, left)


def _part(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise OnnxWireError("is no ONNX: a number where a part should be")
    return value


def _fields(data: memoryview, left: list[int]) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of one message, in its order; a repeated one comes again."""
    at = 0
    while at < len(data):
        left[0] -= 1
        if left[0] < 0:
            raise OnnxWireError(f"has more than {MAX_FIELDS:,} parts")
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if not 0 < number <= MAX_NUMBER:  # some readers cut a longer one to 32 bits, and see another field
            raise OnnxWireError("is no ONNX")
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == BYTES:
            length, at = _varint(data, at)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        else:
            raise OnnxWireError("is no ONNX")
        if length > len(data) - at:
            raise OnnxWireError("is no ONNX, or was cut off")
        yield number, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of up to 64 bits, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise OnnxWireError("is no ONNX, or was cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
    raise OnnxWireError("is no ONNX")
