"""Which numbers bytes hold: each type and byte order is tried, and kept only if the numbers may be a signal.

Wrong readings of a signal are noise over the whole range of their type (`codecs.plausibility`), of impossible size, or
differ from one sample to the next in a way that no sensor makes. A sensor leaves headroom, so that the upper bytes of
its numbers vary little, even where the signal is white noise itself. Where two readings are plausible, both are
returned: the caller asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.acquisition.codecs.packet import PayloadFormat
from drsn.agent.acquisition.codecs.plausibility import MIN_SAMPLES, flatness, other_reading
from drsn.agent.acquisition.codecs.sample_bytes import ITEM_BYTES, numbers_from_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.agent.acquisition.codecs.packet import SampleType

COLOURED_BELOW: Final = 0.6
"""Flatness below which a reading is a signal; wrong readings mostly have 0.9 and more."""

HEADROOM: Final = 0.2
"""Spread of whole numbers over that of numbers of the whole range, up to which they are a signal of any colour."""

CLEARLY_LESS: Final = 0.75
"""A reading is the only one if its flatness is below this part of the next one's."""

FLOAT_SIZES: Final = (1e-9, 1e9)
FLOATS_IN_RANGE: Final = 0.999
"""Floats of a sensor are of such size, but for a few that are almost 0."""

EVEN_WITHIN: Final = 0.12
"""Largest distance (Kolmogorov, Smirnov) between the distributions of every second sample and of the others. In a
signal neighbours are alike, so it is far below; the halves of larger numbers differ by 0.2 and more."""

SMALL_COUNTS: Final = 2**12
"""16-bit counts below this look the same in both byte orders but for a gain of 256: the small ones are right."""

ROUND: Final = (64, 100)
"""The samples of a packet are a multiple of one of these; with other numbers the length of a header is not certain."""

MAX_HEADER_BYTES: Final = 64
MIN_CHUNKS_FOR_HEADER: Final = 4
MAX_BYTES: Final = 1 << 18
"""Bytes of all packets that are judged."""

TYPES: Final[tuple[SampleType, ...]] = ("f32", "f64", "i16", "u16", "i24", "i32", "u8", "i8")


@dataclass(frozen=True)
class ByteReading:
    """One plausible reading of bytes."""

    dtype: SampleType
    big_endian: bool
    header_bytes: int
    flatness: float
    """Of the spectrum: 1 is white noise."""

    @property
    def form(self) -> PayloadFormat:
        """For the codec, as one channel."""
        return PayloadFormat(dtype=self.dtype, big_endian=self.big_endian, header_bytes=self.header_bytes)

    @property
    def settings(self) -> dict[str, Any]:
        """Of the input, where they are not the defaults."""
        order = {"byte_order": "big"} if self.big_endian else {}
        header = {"header_bytes": self.header_bytes} if self.header_bytes else {}
        return {"dtype": self.dtype, **order, **header}

    def __str__(self) -> str:
        order = "" if ITEM_BYTES[self.dtype] == 1 else " big-endian" if self.big_endian else " little-endian"
        behind = f" behind {self.header_bytes} header bytes" if self.header_bytes else ""
        return f"{self.dtype}{order}{behind} (spectral flatness {self.flatness:.2f})"


def byte_readings(chunks: Sequence[bytes], channels: int = 1) -> list[ByteReading]:
    """Return the plausible readings of some packets' bytes, the best first.

    One: it is the only one. Several: the bytes do not tell. None: they are no signal, or too few.

    Args:
        chunks: of each packet; the packets of a sensor in order.
        channels: that are interleaved.
    """
    chunks = _limited(chunks)
    found = _without_aliases(_readings(chunks, 0, channels), chunks)
    skip = header_of(chunks)
    if not skip:
        return found
    behind = _without_aliases(_readings(chunks, skip, channels), chunks)
    if not found:
        return behind if all(_round(each, chunks) for each in behind) else [*behind, *behind]
    return [*behind, *found]


def numbers_in(chunks: Sequence[bytes], form: PayloadFormat) -> list[NDArray[Any]] | None:
    """The numbers of each packet; None: one holds no whole number of them."""
    item = ITEM_BYTES[form.dtype]
    if any(len(chunk) <= form.header_bytes or (len(chunk) - form.header_bytes) % item for chunk in chunks):
        return None
    return [numbers_from_bytes(chunk, form) for chunk in chunks]


def header_of(chunks: Sequence[bytes]) -> int:
    """Bytes at the start that are the same in all packets, and counters behind them; 0: none, or too few packets."""
    if len(chunks) < MIN_CHUNKS_FOR_HEADER:
        return 0
    end = min(MAX_HEADER_BYTES, *map(len, chunks))
    at = next((n for n in range(end) if len({chunk[n] for chunk in chunks}) > 1), end)
    if at < 2 or at == end or not any(chunks[0][:at]):  # one byte, or zeros, may be of a number that is small or round
        return 0
    while size := next((size for size in (8, 4, 2) if at + size <= end and _counts(chunks, at, size)), 0):
        at += size
    return at


def _counts(chunks: Sequence[bytes], at: int, size: int) -> bool:
    """Whether a field rises by the same step in each packet."""
    for step in (1, -1):  # little-endian as it is, big-endian from behind
        values = [int.from_bytes(chunk[at : at + size][::step], "little") for chunk in chunks]
        steps = {after - before for before, after in pairwise(values)}
        if len(steps) == 1 and min(steps) >= 0:
            return True
    return False


def _round(reading: ByteReading, chunks: Sequence[bytes]) -> bool:
    counts = {(len(chunk) - reading.header_bytes) // ITEM_BYTES[reading.dtype] for chunk in chunks}
    return any(not count % step for count in counts for step in ROUND)


def _limited(chunks: Sequence[bytes]) -> list[bytes]:
    kept, total = [], 0
    for chunk in chunks:
        if total and total + len(chunk) > MAX_BYTES:
            break
        kept.append(chunk)
        total += len(chunk)
    return kept


def _readings(chunks: Sequence[bytes], header_bytes: int, channels: int) -> list[ByteReading]:
    found = []
    for dtype in TYPES:
        for big_endian in (False, True) if ITEM_BYTES[dtype] > 1 else (False,):
            form = PayloadFormat(dtype=dtype, big_endian=big_endian, header_bytes=header_bytes)
            packets = numbers_in(chunks, form)
            if packets is None:
                continue
            numbers = np.concatenate(packets)
            if numbers.size < channels * MIN_SAMPLES or not _possible(numbers) or numbers.size % channels:
                continue
            rows = numbers.reshape(-1, channels).T
            flat = max(flatness(row[np.newaxis]) for row in rows)
            if (flat < COLOURED_BELOW or _has_headroom(numbers)) and all(map(_even, rows)):
                found.append(ByteReading(dtype, big_endian, header_bytes, flat))
    return found


def _possible(numbers: NDArray[Any]) -> bool:
    """Whether a sensor may send these: numbers of possible size that are not all the same."""
    if numbers.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # a signalling NaN
            sizes = np.abs(numbers)
        inside = (sizes == 0) | ((sizes > FLOAT_SIZES[0]) & (sizes < FLOAT_SIZES[1]))
        if inside.mean() < FLOATS_IN_RANGE or not (sizes < FLOAT_SIZES[1]).all() or (sizes == 0).mean() > 0.5:
            return False
    return bool(numbers.min() < numbers.max())


def _has_headroom(numbers: NDArray[Any]) -> bool:
    """Whether numbers leave most of the range of their type unused. Floats do, if they are possible at all."""
    item = numbers.dtype.itemsize
    if numbers.dtype.kind == "f":
        return True
    bits = 8 * item - (8 if numbers.dtype == np.int32 and np.abs(numbers).max() < 2**23 else 0)  # i24 comes as int32
    return item > 1 and float(numbers.astype(np.float64).std()) < HEADROOM * 2.0**bits / 12**0.5


def _even(numbers: NDArray[Any]) -> bool:
    """Whether every second sample is as the others: the halves of larger numbers are not."""
    first, second = (np.sort(numbers[at::2].astype(np.float64)) for at in (0, 1))
    both = np.concatenate([first, second])
    shares = [np.searchsorted(half, both, side="right") / half.size for half in (first, second)]
    return bool(np.abs(shares[0] - shares[1]).max() < EVEN_WITHIN)


def _jumps(numbers: NDArray[Any]) -> int:
    """Samples that jump over half the range of 16 bits, as they do where the sign is misread."""
    return int((np.abs(np.diff(numbers.astype(np.int64))) > 2**15).sum())


def _without_aliases(found: list[ByteReading], chunks: Sequence[bytes]) -> list[ByteReading]:
    """Leave out readings that a better one explains."""
    kept = {(each.dtype, each.big_endian): each for each in found}
    for big_endian in (False, True):
        signed, unsigned = (kept.get((dtype, big_endian)) for dtype in ("i16", "u16"))
        if signed and unsigned:
            fewer = _jumps_of(unsigned, chunks) < _jumps_of(signed, chunks)
            del kept["i16" if fewer else "u16", big_endian]
        if ("i16", big_endian) in kept or ("u16", big_endian) in kept:  # each half is a signal, and as large
            kept.pop(("i32", big_endian), None)
    little, big = (kept.get(("i16", big_endian)) for big_endian in (False, True))
    if little and big:
        small = [each for each in (little, big) if _largest(each, chunks) < SMALL_COUNTS]
        if len(small) == 1:
            kept.pop(("i16", not small[0].big_endian))
    if ("u8", False) in kept and ("i8", False) in kept:
        unsigned_is_flatter = kept["u8", False].flatness > kept["i8", False].flatness
        del kept["u8" if unsigned_is_flatter else "i8", False]
    left = sorted(kept.values(), key=lambda each: each.flatness)
    if len(left) > 1 and left[0].flatness < CLEARLY_LESS * left[1].flatness and not _ambiguous(left):
        left = left[:1]
    if len(left) == 1 and other_reading(list(chunks), left[0].form) is not None:
        return [left[0], replace(left[0], flatness=1.0)]  # the agent itself doubts it: two, so that the caller asks
    return left


def _jumps_of(reading: ByteReading, chunks: Sequence[bytes]) -> int:
    packets = numbers_in(chunks, reading.form)
    assert packets is not None, "it was read before"
    return _jumps(np.concatenate(packets))


def _largest(reading: ByteReading, chunks: Sequence[bytes]) -> int:
    packets = numbers_in(chunks, reading.form)
    assert packets is not None, "it was read before"
    return int(np.abs(np.concatenate(packets).astype(np.int64)).max())


def _ambiguous(left: Sequence[ByteReading]) -> bool:
    """Whether types of different size are plausible, of which the flatness decides nothing."""
    return len({ITEM_BYTES[each.dtype] for each in left}) > 1
