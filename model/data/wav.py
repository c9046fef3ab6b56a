"""Reads RIFF/WAVE: 16, 24 and 32 bit integers, 32 and 64 bit floats, plain or extensible, on every Python alike."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

INTEGER, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def read_wav(path: Path) -> tuple[NDArray[Any], float]:
    """Read samples, float[channels, n] with full scale at 1 (floats unchanged), and the rate in Hz.

    Raises:
        OSError: the file can't be read.
        BadDataError: it is no WAVE file, cut short, or of a format not named above.
    """
    content = path.read_bytes()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise BadDataError(f"{path}: no recording: it does not begin as RIFF/WAVE does; export it again")
    chunks = dict(_chunks(content))
    layout, data = chunks.get(b"fmt ", b""), chunks.get(b"data")
    if len(layout) < 16 or data is None:
        raise BadDataError(f"{path}: no recording: cut short, or without a format; export it again")
    kind, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", layout[:16])
    if kind == EXTENSIBLE and len(layout) >= 26:
        (kind,) = struct.unpack("<H", layout[24:26])
    if (kind, bits) not in {(INTEGER, 16), (INTEGER, 24), (INTEGER, 32), (FLOAT, 32), (FLOAT, 64)}:
        name = {INTEGER: "", FLOAT: "float "}.get(kind, f"format-{kind} ")
        raise BadDataError(f"{path}: {bits}-bit {name}samples; 16, 24, 32 bit and floats can be read, export as one")
    if not channels or frame != channels * bits // 8 or len(data) % frame:
        raise BadDataError(f"{path}: no recording: its frames do not come out even; export it again")
    return _samples(data, kind, bits).reshape(-1, channels).T, float(rate)


def _samples(data: bytes, kind: int, bits: int) -> NDArray[Any]:
    """Interleaved samples of all channels, divided by full scale."""
    if kind == FLOAT:
        return np.frombuffer(data, dtype=f"<f{bits // 8}")
    if bits == 24:
        whole = np.zeros((len(data) // 3, 4), np.uint8)
        whole[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, bits = whole.tobytes(), 32
    return (np.frombuffer(data, dtype=f"<i{bits // 8}") / float(2 ** (bits - 1))).astype(np.float32)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """All complete chunks by name; a truncated chunk is left out."""
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        if at + 8 + size <= len(content):
            yield name, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
