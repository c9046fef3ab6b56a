"""Sensor faults, RMS and peak of many windows at once.

Each check of `sensor_faults` runs over all rows, as one operation on an array. Only a row with many equal samples can
be stuck, clipped, stale or interrupted: it is checked by `sensor_faults.find_fault` alone, because counting its values
costs more than all else. The answers are equal to those of `find_fault` (test_fault_screen.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.sensor_faults import (
    CLIPPED_SAMPLES,
    DROPOUT_SHARE,
    FAULT_NAMES,
    FLAT,
    NO_FAULT,
    OFFSET,
    RATE_TOLERANCE,
    SKI_SLOPE,
    WindowStats,
    explained_by_trends,
    find_fault,
    ones,
    sums_of_products,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_SAMPLES = 32_768
"""Samples that are screened at once: their float64 copy has 256 kB and stays in the cache of one core."""


@dataclass(frozen=True, slots=True)
class Screening:
    """What the screen found, row by row."""

    rms: NDArray[np.float64]
    """float64[rows]: RMS of the AC part of all channels, in the samples' unit."""
    peak: NDArray[np.float64]
    """float64[rows]: largest distance from a channel's mean, in the samples' unit."""
    fault: NDArray[np.int8]
    """int8[rows]: index into `FAULT_NAMES`, or `NO_FAULT`."""


class FaultScreen:
    """Screens windows of one shape; its arrays grow to what one chunk needs.

    Args:
        channels: of each window.
        samples: of each channel, 3 at least.
    """

    def __init__(self, channels: int, samples: int) -> None:
        self._channels, self._samples = channels, samples
        self._chunk = max(1, CHUNK_SAMPLES // (channels * samples))
        self._ones = ones(samples)
        self._allocate(1)

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        return self._centred.nbytes + self._repeated.nbytes + self._extreme.nbytes

    def __call__(
        self, native: NDArray[np.float32], clipped: NDArray[np.bool_], rate_error: NDArray[np.float64]
    ) -> Screening:
        """Screen float32[rows, channels, samples].

        Args:
            native: the windows as sampled.
            clipped: bool[rows], the device reported clipping.
            rate_error: float64[rows], measured over declared rate, less 1; 0 where it is not measured.
        """
        rows, chunk = len(native), self._chunk
        if len(self._centred) < min(rows, chunk):
            self._allocate(min(rows, chunk))
        found = Screening(np.empty(rows), np.empty(rows), np.empty(rows, np.int8))
        for start in range(0, rows, chunk):
            part = slice(start, start + chunk)
            self._screen(native[part], clipped[part], rate_error[part], found, part)
        return found

    def _allocate(self, rows: int) -> None:
        shape, padded = (rows, self._channels, self._samples), -(-self._samples // 8) * 8
        self._centred = np.empty(shape, np.float64)
        # Flags of samples, padded to whole 64-bit words, which are counted eight flags at a time. The padding is false.
        self._repeated = np.zeros((rows, self._channels, padded), np.bool_)
        self._extreme = np.zeros((rows, self._channels, padded), np.bool_)

    def _screen(
        self,
        native: NDArray[np.float32],
        clipped: NDArray[np.bool_],
        rate_error: NDArray[np.float64],
        found: Screening,
        part: slice,
    ) -> None:
        rows, channels, samples = native.shape
        high, low = native.max(axis=2), native.min(axis=2)
        centred = self._centred[:rows]
        with np.errstate(invalid="ignore"):  # infinite less infinite; it is found as `non_finite`
            np.copyto(centred, native)
            mean = sums_of_products(centred, self._ones) / samples
            centred -= mean[:, :, np.newaxis]
            energy = sums_of_products(centred, centred)
            found.rms[part] = np.sqrt(energy.sum(axis=1) / (channels * samples))
            found.peak[part] = np.maximum(high - mean, mean - low).max(axis=1)
            level = np.maximum(high, -low).astype(np.float64)
            masks = {
                "non_finite": ~np.isfinite(energy),
                "flat": energy <= samples * np.square(FLAT * level),
                "clipping": clipped[:, np.newaxis],
                "offset": np.square(mean) * samples >= OFFSET**2 * energy,
                "ski_slope": explained_by_trends(centred) >= SKI_SLOPE * energy,
                "wrong_rate": np.abs(rate_error)[:, np.newaxis] > RATE_TOLERANCE,
            }
        fault = found.fault[part]
        fault[...] = NO_FAULT
        for code in reversed(range(len(FAULT_NAMES))):  # the first fault of a row is the last one that is written
            mask = masks.get(FAULT_NAMES[code])
            if mask is not None and np.count_nonzero(mask):
                fault[mask.any(axis=1)] = code
        for row in np.flatnonzero(self._suspect(native, high, low)).tolist():
            stats = WindowStats(native[row], clipped=bool(clipped[row]), rate_error=float(rate_error[row]))
            name = find_fault(stats)
            fault[row] = NO_FAULT if name is None else FAULT_NAMES.index(name)

    def _suspect(
        self, native: NDArray[np.float32], high: NDArray[np.float32], low: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """bool[rows]: the row may be stuck, clipped, interrupted or stale, because many of its samples are equal."""
        rows, channels, samples = native.shape
        repeated, extreme = self._repeated[:rows], self._extreme[:rows]
        np.equal(native[:, :, 1:], native[:, :, :-1], out=repeated[:, :, : samples - 1])
        np.equal(native, high[:, :, np.newaxis], out=extreme[:, :, :samples])
        extreme[:, :, :samples] |= native == low[:, :, np.newaxis]
        least = samples * DROPOUT_SHARE - 1
        # Each channel without a NaN has two extreme samples at least. So few in all of them are too few in each.
        few = CLIPPED_SAMPLES + 2 * (rows * channels - 1)
        if np.count_nonzero(repeated) < least and np.count_nonzero(extreme) < few and not np.isnan(high).any():
            return np.zeros(rows, np.bool_)
        suspect = _count(repeated) >= least
        suspect |= _count(extreme) >= CLIPPED_SAMPLES
        any_channel: NDArray[np.bool_] = suspect.any(axis=1)
        return any_channel


def _count(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64[rows, channels]: how many flags are set."""
    counts: NDArray[np.int64] = np.bitwise_count(flags.view(np.uint64)).sum(axis=2, dtype=np.int64)
    return counts
