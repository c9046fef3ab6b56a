"""Check an ONNX file for external data and custom operators, before any runtime reads it and without package onnx.

The file is walked as Protocol Buffers (onnx.proto of IR 8). A field that is not followed below is skipped unread, and
so is one that a newer ONNX adds: it is the runtime's to refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 16
"""Deepest nesting of messages; each graph within a graph takes three levels."""

MAX_FIELDS = 1_000_000
"""Most fields that are read (two seconds); our graphs have a thousand."""

MAX_NUMBER = (1 << 29) - 1
"""Largest field number that Protocol Buffers allow."""

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
"""Field of a tensor for its data location; any value but 0 is outside of the file."""


class OnnxWireError(ValueError):
    """The file is no ONNX, or it has external data or custom operators."""


@dataclass
class _FieldCount:
    """How many fields have been read of one file, and how many may be."""

    most: int
    read: int = 0

    def count(self) -> None:
        self.read += 1
        if self.read > self.most:
            raise OnnxWireError(f"has more than {self.most:,} parts")


def require_self_contained(content: bytes, max_fields: int = MAX_FIELDS) -> None:
    """Check that a network lies entirely in this file and uses only the operators of ONNX.

    Raises:
        OnnxWireError: weights in other files, operators that are not ONNX's, bytes that are no Protocol Buffers, or
            more than `max_fields` fields.
    """
    _walk(memoryview(content), "model", MAX_DEPTH, _FieldCount(max_fields))


def _walk(data: memoryview, kind: str, depth: int, fields: _FieldCount) -> None:
    if not depth:
        raise OnnxWireError("graphs within graphs without end")
    for number, value in _fields(data, fields):
        if what := REFUSED.get(kind, {}).get(number):
            raise OnnxWireError(f"holds {what}")
        if kind == "tensor" and number == DATA_LOCATION and value != 0:
            raise OnnxWireError("holds weights in other files")
        if number == DOMAINS.get(kind) and bytes(_part(value)[:64]) not in PLAIN_DOMAINS:
            raise OnnxWireError(f"uses operators of {bytes(_part(value)[:64])!r}, not ONNX's own alone")
        if part := PARTS[kind].get(number):
            _walk(_part(value), part, depth - 1, fields)


def _part(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise OnnxWireError("is no ONNX: a number where a part should be")
    return value


def _fields(data: memoryview, fields: _FieldCount) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of one message, in file order, repeated fields included."""
    at = 0
    while at < len(data):
        fields.count()
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
    """Decode a varint of up to 64 bits; return it and the position after it."""
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
