"""Whether bytes are what the configuration states: text under `raw`, and numbers of another type or byte order.

Samples that are read in the wrong way are noise: the low bytes of real samples become the high ones, and those are
random. So their spectrum is white. If it is white as declared, and another reading of the same bytes is not, the other
reading is right; if both are white, or neither, nothing follows. Measured on 11 simulated signals in 10 encodings
(tests/unit/agent/acquisition/codecs/test_plausibility.py): the flatness of wrong readings is mostly 0.9 to 1, of right
ones 0.02 to 0.6, and above 0.9 only of a signal that is white itself, whose other readings are white too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.acquisition.codecs.sample_bytes import ITEM_BYTES, in_channels, numbers_from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from drsn.agent.acquisition.codecs.packet import PayloadFormat, SampleType

WHITE_FROM: Final = 0.9
"""Spectral flatness from which samples count as white."""

COLOURED_TO: Final = 0.5
"""Flatness up to which another reading is right beyond doubt, if the declared one is white."""

DOUBT_RATIO: Final = 0.7
"""Part of the declared reading's flatness below which another reading raises a doubt."""

DOUBT_FROM: Final = 0.6
"""Flatness of the declared reading from which there may be a doubt."""

MIN_SAMPLES: Final = 512
"""Samples of a channel that a judgement needs. Of 1,000 pieces of white noise the least flat had 0.93."""

MIN_TEXT_BYTES: Final = 64
_SEGMENT: Final = 64
_LOWEST_BIN: Final = 2
"""Bins of a constant part and of a slow drift are left out: an offset says nothing about the reading."""

MIN_DIFFERENT: Final = 4
"""Different bytes in a text; samples that stand still may be printable by chance."""

_TEXTS: Final = {
    re.compile(rb"\s*[{\[].*[}\]]\s*", re.DOTALL): "the payload is JSON: set codec = 'json'",
    re.compile(rb"(?:[0-9a-f\s]+|[0-9A-F\s]+)"): "the payload is hex digits: set encoding = 'hex'",
    re.compile(rb"[\s0-9.,;:|eE+-]+"): "the payload is numbers as text: set encoding = 'text'",
    re.compile(rb"[A-Za-z0-9+/_\s-]+={0,2}\s*"): "the payload is base64: set encoding = 'base64'",
}
"""What a text is, in this order -> what to set."""

_READINGS: Final[tuple[SampleType, ...]] = ("i16", "i24", "i32", "f32", "f64")
_HALF_RANGE: Final = 2**15
_MAX_SIZE: Final = 1e9
"""Above the counts and the units of real sensors: floats beyond it are not samples, and neither are tiny ones."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a declared encoding is not plausible."""

    text: str
    """One sentence with the setting that would mend it."""
    certain: bool


def text_under_raw(payload: bytes, form: PayloadFormat) -> Doubt | None:
    """Whether a payload that should hold numbers as bytes holds text.

    8-bit samples are left out: a small signal around 50 counts is made of digits and points.
    """
    if ITEM_BYTES[form.dtype] == 1 or len(payload) < MIN_TEXT_BYTES or not payload[:MIN_TEXT_BYTES].isascii():
        return None
    text = payload.rstrip(b"\0")
    if not text.isascii() or b"\0" in text or len(set(text)) < MIN_DIFFERENT:
        return None
    found = next((advice for kind, advice in _TEXTS.items() if kind.fullmatch(text) is not None), None)
    return None if found is None else Doubt(found, certain=True)


def other_reading(chunks: Sequence[bytes], form: PayloadFormat) -> Doubt | None:
    """Whether another reading of the bytes of some packets is plausible, and the declared one is not.

    Args:
        chunks: the bytes of the samples of some packets; each begins with whole samples.
        form: how the configuration reads them.
    """
    declared = _numbers(chunks, form)
    if declared is None:
        return None
    if (found := _wrapped(declared, form) or _half_size(chunks, form)) is not None:
        return found
    white = flatness(declared) if _possible(declared) else 1.0
    if white < DOUBT_FROM:
        return None
    others = ((_numbers(chunks, other), other) for other in _others(form))
    flat = [
        (flatness(numbers), other)
        for numbers, other in others
        if numbers is not None and _possible(numbers) and _even(numbers)
    ]
    # Two small numbers read as one of twice the size look like every second sample, but not the reverse.
    plausible = [(ITEM_BYTES[other.dtype], least, other) for least, other in flat if least <= DOUBT_RATIO * white]
    if not plausible:
        return None
    _, least, best = min(plausible, key=lambda found: found[:2])
    text = (
        f"read as {_shown(form)}, the samples are noise (flatness {white:.2f}), as {_shown(best)} they are not "
        f"({least:.2f}): set {_settings(best, form)}"
    )
    return Doubt(text, certain=white >= WHITE_FROM and least <= COLOURED_TO)


def flatness(samples: NDArray[Any]) -> float:
    """Geometric over arithmetic mean of the power spectrum, the mean of all rows: 1 is white noise.

    Args:
        samples: numbers[channels, at least `MIN_SAMPLES`].
    """
    overlapping = np.lib.stride_tricks.sliding_window_view(samples, _SEGMENT, axis=1)[:, :: _SEGMENT // 2]
    segments = overlapping.astype(np.float64)
    segments = (segments - segments.mean(axis=2, keepdims=True)) * np.hanning(_SEGMENT)
    power = (np.abs(np.fft.rfft(segments, axis=2)) ** 2).mean(axis=1)[:, _LOWEST_BIN:-1] + np.finfo(np.float64).tiny
    return float(np.mean(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)))


def _numbers(chunks: Sequence[bytes], form: PayloadFormat) -> NDArray[Any] | None:
    """Numbers[channels, samples] of all chunks; None: they are none, or too few."""
    size, rows = ITEM_BYTES[form.dtype] * form.channels, []
    for chunk in chunks:
        whole = len(chunk) - (len(chunk) - form.header_bytes) % size
        if whole <= form.header_bytes:
            return None
        rows.append(in_channels(numbers_from_bytes(chunk[:whole], form), form))
    numbers = np.concatenate(rows, axis=1)
    return numbers if numbers.shape[1] >= MIN_SAMPLES else None


def _possible(numbers: NDArray[Any]) -> bool:
    """Whether a sensor may send these: a wrong exponent makes numbers of any size, and NaN."""
    if numbers.dtype.kind != "f":
        return True
    with np.errstate(invalid="ignore"):  # a signalling NaN
        sizes = np.abs(numbers)
    return bool((sizes < _MAX_SIZE).all() and np.median(sizes) > 1 / _MAX_SIZE)  # a comparison with NaN is false


def _even(numbers: NDArray[Any]) -> bool:
    """Whether the samples with an odd number are as large as the others; the upper halves of small numbers are not."""
    first, second = (numbers[:, at::2].astype(np.float64).std() for at in (0, 1))
    return bool(first / 2 < second < 2 * first)


def _others(form: PayloadFormat) -> Iterator[PayloadFormat]:
    """Readings of the same bytes: the other byte order, other types, and a header of half a sample."""
    for dtype in _READINGS:
        for big_endian in (False, True):
            if (dtype, big_endian) != (form.dtype, form.big_endian):
                yield replace(form, dtype=dtype, big_endian=big_endian)
    if ITEM_BYTES[form.dtype] == 4:
        yield replace(form, header_bytes=form.header_bytes + 2)


def _wrapped(numbers: NDArray[Any], form: PayloadFormat) -> Doubt | None:
    """Whether 16-bit samples jump over half their range, as they do when their sign is misread."""
    if form.dtype not in ("i16", "u16"):
        return None
    other = "u16" if form.dtype == "i16" else "i16"
    flipped = numbers.astype(np.int64)  # differences of 16 bits do not fit 16 bits
    again = np.where(flipped < 0, flipped + 2 * _HALF_RANGE, flipped)
    if form.dtype == "u16":
        again = np.where(flipped >= _HALF_RANGE, flipped - 2 * _HALF_RANGE, flipped)
    jumps, jumps_again = (float((np.abs(np.diff(row)) > _HALF_RANGE).mean()) for row in (flipped, again))
    if jumps < 0.01 or jumps_again > jumps / 10:
        return None
    text = f"{100 * jumps:.0f} % of the samples jump over half the range of {form.dtype}: set dtype = '{other}'"
    return Doubt(text, certain=jumps_again == 0 and jumps > 0.05)


def _half_size(chunks: Sequence[bytes], form: PayloadFormat) -> Doubt | None:
    """Whether 32-bit samples are pairs of 16-bit ones: each half is then a signal, and as large as the other."""
    half = replace(form, dtype="i16")
    if form.dtype != "i32" or (numbers := _numbers(chunks, half)) is None:
        return None
    least = flatness(numbers)
    if least > COLOURED_TO or not _even(numbers):
        return None
    return Doubt(f"each half of a sample is a signal (flatness {least:.2f}): set {_settings(half, form)}", certain=True)


def _shown(form: PayloadFormat) -> str:
    order = "" if ITEM_BYTES[form.dtype] == 1 else " big-endian" if form.big_endian else " little-endian"
    return f"{form.dtype}{order}" + (f" behind {form.header_bytes} bytes" if form.header_bytes else "")


def _settings(best: PayloadFormat, form: PayloadFormat) -> str:
    given = {
        "dtype": best.dtype if best.dtype != form.dtype else None,
        "byte_order": ("big" if best.big_endian else "little") if best.big_endian != form.big_endian else None,
        "header_bytes": best.header_bytes if best.header_bytes != form.header_bytes else None,
    }
    return ", ".join(f"{key} = {value!r}" for key, value in given.items() if value is not None)
