"""Reads RIFF/WAVE and RF64: 8, 16, 24 and 32 bit integers, 32 and 64 bit floats, plain or extensible.

A recorder that writes to a pipe, or loses power, leaves 0 or 0xFFFFFFFF as the size of the samples: then they reach to
the end of the file. RF64 (EBU Tech 3306) has sizes above 4 GiB in a chunk of its own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.data.content import ANY, Choice, Content
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

INTEGER, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
READABLE = {(INTEGER, 8), (INTEGER, 16), (INTEGER, 24), (INTEGER, 32), (FLOAT, 32), (FLOAT, 64)}
MAGIC = (b"RIFF", b"RF64", b"BW64")
UNKNOWN = (0, 0xFFFFFFFF)
"""Sizes in the header of a file that was never completed."""


@dataclass
class _Chunks:
    layout: bytes = b""
    data: bytes | None = None
    data_bytes: int | None = None
    """From RF64's own chunk."""
    note: str = ""


def read_wav(path: Path, _choice: Choice = ANY) -> Content:
    """Read samples, float[channels, n] with full scale at 1 (floats unchanged), and the rate in Hz.

    Raises:
        OSError: the file can't be read.
        BadDataError: it is no WAVE file, cut short, empty, or of a format not named above.
    """
    content = path.read_bytes()
    if content[:4] not in MAGIC or content[8:12] != b"WAVE":
        raise BadDataError(f"{path}: no recording: it does not begin as RIFF/WAVE does; export it again")
    chunks = _chunks(path, content)
    if len(chunks.layout) < 16 or chunks.data is None:
        raise BadDataError(f"{path}: no recording: cut short, or without a format; export it again")
    kind, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", chunks.layout[:16])
    if kind == EXTENSIBLE and len(chunks.layout) >= 26:
        (kind,) = struct.unpack("<H", chunks.layout[24:26])
    if (kind, bits) not in READABLE:
        name = {INTEGER: "", FLOAT: "float "}.get(kind, f"format-{kind} ")
        raise BadDataError(f"{path}: {bits}-bit {name}samples; 8, 16, 24, 32 bit and floats can be read, export as one")
    if not channels or frame != channels * bits // 8:
        raise BadDataError(f"{path}: no recording: {frame} bytes a frame can't be {channels} channels; export it again")
    frames, over = divmod(len(chunks.data), frame)
    if not frames:
        raise BadDataError(f"{path}: a WAVE file without samples; record it again")
    notes = [f"WAVE, {bits}-bit {'float' if kind == FLOAT else 'integer'}", chunks.note]
    notes += [f"the last {over} bytes are no whole frame: left out"] if over else []
    samples = _samples(chunks.data[: frames * frame], kind, bits).reshape(-1, channels).T
    return Content(samples, float(rate), notes=tuple(filter(None, notes)))


def _samples(data: bytes, kind: int, bits: int) -> NDArray[Any]:
    """Interleaved samples of all channels, divided by full scale. Those of 8 bit are unsigned, 128 being zero."""
    if kind == FLOAT:
        return np.frombuffer(data, dtype=f"<f{bits // 8}")
    if bits == 8:
        return ((np.frombuffer(data, np.uint8) - 128.0) / 128.0).astype(np.float32)
    if bits == 24:
        whole = np.zeros((len(data) // 3, 4), np.uint8)
        whole[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, bits = whole.tobytes(), 32
    return (np.frombuffer(data, dtype=f"<i{bits // 8}") / float(2 ** (bits - 1))).astype(np.float32)


def _chunks(path: Path, content: bytes) -> _Chunks:
    """The format, the samples and the size of RF64; other chunks are passed over."""
    found, at = _Chunks(), 12
    incomplete = int.from_bytes(content[4:8], "little") + 8 != len(content)
    while at + 8 <= len(content) and found.data is None:
        name, size = struct.unpack_from("<4sI", content, at)
        at += 8
        if name == b"data":
            _read_data(path, content, at, size, found, incomplete=incomplete)
        elif name == b"fmt ":
            found.layout = content[at : at + size]
        elif name == b"ds64" and size >= 16:
            (found.data_bytes,) = struct.unpack_from("<Q", content.ljust(at + 16, b"\0"), at + 8)
        at += size + size % 2
    return found


def _read_data(path: Path, content: bytes, at: int, size: int, found: _Chunks, *, incomplete: bool) -> None:
    there = len(content) - at
    if size == 0xFFFFFFFF and found.data_bytes is not None:
        size = found.data_bytes
    elif size in UNKNOWN and incomplete:
        found.note, size = "the header has no size (a stream, or a recorder without power): read to the end", there
    if size > there:
        raise BadDataError(f"{path}: cut short: {there} of {size} bytes of samples are there; copy it again")
    found.data = content[at : at + size]
