from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.model.data.readers.wav import EXTENSIBLE, FLOAT, INTEGER, read_wav
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path


def wav(kind: int, bits: int, frames: bytes, channels: int = 1, before: bytes = b"") -> bytes:
    """A file at 25.6 kHz; an extensible one holds integers, as most recorders write them."""
    frame = channels * bits // 8
    layout = struct.pack("<HHIIHH", kind, channels, 25_600, 25_600 * frame, frame, bits)
    if kind == EXTENSIBLE:
        layout += struct.pack("<HHIH", 22, bits, 0, INTEGER) + bytes(14)
    body = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + before
    body += b"data" + struct.pack("<I", len(frames)) + frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


def read(folder: Path, content: bytes) -> tuple[np.ndarray, float]:
    (folder / "a.wav").write_bytes(content)
    content = read_wav(folder / "a.wav")
    return content.samples, content.rate_hz


@pytest.mark.parametrize("kind", [INTEGER, EXTENSIBLE])
@pytest.mark.parametrize("bits", [16, 24, 32])
def test_full_scale_is_one_at_every_width(kind: int, bits: int, tmp_path: Path):
    counts = [-(2 ** (bits - 1)), 2 ** (bits - 2), -1, 0]
    frames = b"".join(count.to_bytes(bits // 8, "little", signed=True) for count in counts)
    samples, rate_hz = read(tmp_path, wav(kind, bits, frames, channels=2))
    np.testing.assert_allclose(samples, [[-1, -(2.0 ** (1 - bits))], [0.5, 0]], rtol=1e-6)
    assert rate_hz == 25_600


def test_floats_are_taken_as_they_are(tmp_path: Path):
    values = np.array([3.5, -0.25, 12.0], "<f4")
    np.testing.assert_array_equal(read(tmp_path, wav(FLOAT, 32, values.tobytes()))[0], values[None])


def test_chunks_that_nobody_asked_for_are_passed_over(tmp_path: Path):
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # of odd length, padded
    samples, _ = read(tmp_path, wav(INTEGER, 16, np.array([16384], "<i2").tobytes(), before=odd))
    assert samples.tolist() == [[0.5]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin as RIFF"),
        (wav(INTEGER, 16, bytes(8))[:-1], "cut short"),
        (wav(INTEGER, 24, b""), "without samples"),
        (wav(INTEGER, 16, bytes(8), channels=0), "0 bytes a frame can't be 0 channels"),
        (wav(INTEGER, 12, bytes(12)), "12-bit samples"),
        (wav(6, 8, bytes(8)), "8-bit format-6 samples"),
    ],
)
def test_another_format_is_refused_with_those_that_will_do(content: bytes, said: str, tmp_path: Path):
    with pytest.raises(BadDataError, match=said):
        read(tmp_path, content)
