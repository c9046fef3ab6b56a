"""Faults of the sensor itself, found in one window as it was sampled by one small check after another.

`fault_screen` finds the same faults in many windows at once, and calls this module for the few that need costly checks.

A loose cable looks like a machine fault to any network that scales its windows. The reason for each threshold stands
below it. `Margin` is the nearest value in the recordings of CWRU and HIT-SM: 3,542 windows as they were recorded, of
healthy and of faulty bearings, in none of which a fault is found (test_sensor_faults.py). The unit and the gain do not
matter: each threshold is relative to the window itself.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from numpy.typing import NDArray

FLAT = 1e-6
"""RMS over the largest sample. Float32 rounding leaves less (6e-8) around an offset, one count of 16 bits more (2e-5).
The network scales every window to RMS 1, and would diagnose the rounding. Margin: 0.036 was the least."""

STUCK_VALUES = 3
"""A converter that toggles between at most three codes hangs, or has too coarse a resolution. Margin: 1,063 was the
least."""

CLIPPED_SAMPLES = 8
CLIPPED_PILE = 4.0
"""Clipped: at least 8 samples have the largest (or least) value, at least 4 times as many as the value next to it. A
pure sine has 2.4 times as many at its top code, whatever its size: arccos(1 - 1/a) over its growth by one code. Margin:
3 samples were the most. A converter that adds noise after its amplifier has clipped shows no such top: only the device
itself can detect that, and report it by the frame's `clipped` bit."""

DROPOUT_SHARE = 1 / 32
"""Part of the window in one run of one value: 64 samples of 2,048, 5 ms; a contact that opened. Margin: 3 samples
were the longest run."""

STALE_SHARE = 0.5
"""Part of the samples that repeat the one before: the sensor is read faster than it measures, or held. Margin: 0.44 %
was the most."""

OFFSET = 1000.0
"""Mean over RMS. An amplifier at its rail: 32,767 over a few counts. A MEMS sensor with gravity, 1 g, over its own
noise of 1.8 mg has 560 while its machine stands. Margin: 1.86 was the most."""

SKI_SLOPE = 0.9
"""Part of the power that a line and a parabola explain. A charge amplifier settles for seconds after a shock, which
integration turns into a ski slope. A sine of 1.1 turns in a window stays below: 390 rpm, if the signal is nothing but
the shaft's rotation and a window lasts 171 ms. Margin: 0.0044 was the most."""

RATE_TOLERANCE = 0.02
"""Difference of measured and declared rate, in parts of the declared one. A quartz and the jitter of `t0` in half a
minute make a twentieth of it; the model's frequencies shift by as much as the rate."""


ONE_THREAD_SAMPLES = 8192
"""For more than 10,000 numbers OpenBLAS starts threads."""


class WindowStats:
    """Statistics of one window, each computed at most once.

    Args:
        samples: float32[channels, n] as sampled, n >= 3.
        clipped: the device reported clipping.
        rate_error: measured over declared rate, less 1; 0 where it is not measured.
    """

    def __init__(self, samples: NDArray[np.float32], *, clipped: bool = False, rate_error: float = 0.0) -> None:
        self.samples = samples
        self.clipped = clipped
        self.rate_error = rate_error
        self.high: NDArray[np.float32] = samples.max(axis=1)
        self.low: NDArray[np.float32] = samples.min(axis=1)
        # In float64: the square of float32 counts around an offset would lose the AC part.
        self.centred = samples.astype(np.float64)
        n = samples.shape[1]
        with np.errstate(invalid="ignore"):  # infinite less infinite; `non_finite` finds it
            self.mean = sums_of_products(self.centred, ones(n)) / n
            self.centred -= self.mean[:, np.newaxis]
            self.energy = sums_of_products(self.centred, self.centred)

    @property
    def rms(self) -> float:
        """RMS of the AC part of all channels, in the samples' unit."""
        return float(np.sqrt(self.energy.sum() / self.samples.size))

    @property
    def peak(self) -> float:
        """Largest distance from a channel's mean, in the samples' unit."""
        return float(np.maximum(self.high - self.mean, self.mean - self.low).max())

    @cached_property
    def repeats(self) -> NDArray[np.bool_]:
        """bool[channels, n - 1]: true where a sample equals the one before it."""
        same: NDArray[np.bool_] = self.samples[:, 1:] == self.samples[:, :-1]
        return same

    @cached_property
    def repeated(self) -> list[int]:
        """Number of samples of each channel that equal the one before."""
        return [int(np.count_nonzero(row)) for row in self.repeats]

    @cached_property
    def at_extreme(self) -> list[int]:
        """Number of samples of each channel at its largest value or at its least value, whichever are more."""
        return [
            max(int(np.count_nonzero(row == high)), int(np.count_nonzero(row == low)))
            for row, high, low in zip(self.samples, self.high, self.low, strict=True)
        ]

    @cached_property
    def value_counts(self) -> list[NDArray[np.intp]]:
        """For each channel that may hang or clip: how often each value occurs, least value first. Costly, so rare."""
        return [
            np.unique(row, return_counts=True)[1]
            for row, at_extreme, repeated in zip(self.samples, self.at_extreme, self.repeated, strict=True)
            if at_extreme >= CLIPPED_SAMPLES or repeated > 0.3 * row.size  # three codes can't avoid both
        ]


def _non_finite(stats: WindowStats) -> bool:
    return not bool(np.isfinite(stats.energy).all())


def _flat(stats: WindowStats) -> bool:
    level = np.maximum(stats.high, -stats.low).astype(np.float64)
    return bool((stats.energy <= stats.samples.shape[1] * np.square(FLAT * level)).any())


def _stuck(stats: WindowStats) -> bool:
    return any(len(counts) <= STUCK_VALUES for counts in stats.value_counts)


def _clipping(stats: WindowStats) -> bool:
    return stats.clipped or any(
        end >= CLIPPED_SAMPLES and end >= CLIPPED_PILE * beside
        for counts in stats.value_counts
        for end, beside in ((counts[-1], counts[-2]), (counts[0], counts[1]))
    )


def _dropout(stats: WindowStats) -> bool:
    least = stats.samples.shape[1] * DROPOUT_SHARE - 1
    pairs = zip(stats.repeats, stats.repeated, strict=True)
    return any(_longest(row) >= least for row, repeated in pairs if repeated >= least)


def _longest(row: NDArray[np.bool_]) -> int:
    """Length of the longest run of true."""
    ends = np.flatnonzero(np.concatenate(([True], ~row, [True])))
    return int(np.diff(ends).max()) - 1


def _stale(stats: WindowStats) -> bool:
    return bool(max(stats.repeated) >= STALE_SHARE * stats.repeats.shape[1])


def _offset(stats: WindowStats) -> bool:
    return bool((np.square(stats.mean) * stats.samples.shape[1] >= OFFSET**2 * stats.energy).any())


def _ski_slope(stats: WindowStats) -> bool:
    return bool((explained_by_trends(stats.centred) >= SKI_SLOPE * stats.energy).any())


def explained_by_trends(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy of float64[..., n] that a line and a parabola explain: float64[...]."""
    line, parabola = trends(centred.shape[-1])
    explained = np.square(sums_of_products(centred, line))
    explained += np.square(sums_of_products(centred, parabola))
    return explained


@lru_cache(maxsize=64)  # one for each rate of the plant
def trends(n: int) -> NDArray[np.float64]:
    """A line and a parabola with mean 0, orthogonal and of length 1: float64[2, n]."""
    time = np.linspace(-1.0, 1.0, n)
    both = np.stack([time, np.square(time) - np.square(time).mean()])
    return np.asarray(both / np.sqrt(np.square(both).sum(axis=1, keepdims=True)))


@lru_cache(maxsize=64)
def ones(n: int) -> NDArray[np.float64]:
    """float64[n], for a sum."""
    return np.ones(n)


def sums_of_products(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over the last axis; those of a row do not depend on the other rows, bit for bit.

    BLAS adds up a row in half the time of numpy's `mean` and `einsum`.
    """
    if a.shape[-1] > ONE_THREAD_SAMPLES:
        return np.asarray(np.einsum("...j,...j->...", a, b))
    return np.asarray(np.vecdot(a, b))


def _wrong_rate(stats: WindowStats) -> bool:
    return abs(stats.rate_error) > RATE_TOLERANCE


FAULTS: dict[str, Callable[[WindowStats], bool]] = {
    "non_finite": _non_finite,
    "flat": _flat,
    "stuck": _stuck,
    "clipping": _clipping,
    "dropout": _dropout,
    "stale": _stale,
    "offset": _offset,
    "ski_slope": _ski_slope,
    "wrong_rate": _wrong_rate,
}
"""Name -> check of a window, in order: each may rely on the earlier ones having found nothing."""

FAULT_NAMES = tuple(FAULTS)
"""The name of each fault by its code."""

NO_FAULT = -1
"""The code of a window without a fault."""


def find_fault(stats: WindowStats, ignored: Container[str] = ()) -> str | None:
    """Name of the first fault in a window; None if there is none, or if that one is `ignored`."""
    found = next((name for name, has in FAULTS.items() if has(stats)), None)
    return None if found in ignored else found
