"""Is it the sensor rather than the machine? A window as it was sampled is asked one small question after another.

A cable that has come loose looks like a machine fault to any network that scales its windows. Each threshold below says
what it was set by, and `margin` what the recordings of CWRU and HIT-SM come to: 3,542 windows as they were recorded, of
healthy and of faulty bearings, in none of which a fault is found (test_sensor_faults.py). The unit and the gain do
not matter: each threshold is relative to the window itself.
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
The graph scales every window to RMS 1: it would make a diagnosis of the rounding. Margin: 0.036 was the least."""

STUCK_VALUES = 3
"""A converter that toggles between so few codes hangs, or resolves nothing. Margin: 1,063 was the least."""

CLIPPED_SAMPLES = 8
CLIPPED_PILE = 4.0
"""So many samples stand at the very largest (or least) value, and as many times more than at the value next to it. A
pure sine piles up 2.4 times at its top code, whatever its size: arccos(1 - 1/a) over its growth by one code. Margin: 3
samples were the most. A converter that adds noise after its amplifier has clipped has no such top: only it can know,
and tell by the frame's `clipped` bit."""

DROPOUT_SHARE = 1 / 32
"""So much of the window in one run of one value: 64 samples of 2,048, 5 ms; a contact that opened. Margin: 3 samples
were the longest run."""

STALE_SHARE = 0.5
"""So many samples only repeat the one before: read faster than it measures, or held. Margin: 0.44 % was the most."""

OFFSET = 1000.0
"""Mean over RMS. An amplifier at its rail: 32,767 over a few counts. A MEMS sensor that feels gravity, 1 g, over its
own noise of 1.8 mg comes to 560 while its machine stands. Margin: 1.86 was the most."""

SKI_SLOPE = 0.9
"""Part of the power that a line and a parabola explain. A charge amplifier that was knocked settles for seconds, and
integration makes a ski slope of it. A sine of 1.1 turns in a window stays below: 390 rpm, if nothing but the shaft's
turning is there and a window lasts 171 ms. Margin: 0.0044 was the most."""

RATE_TOLERANCE = 0.02
"""Declared over measured. Twenty times what a quartz and half a second of jitter in half a minute come to; the model's
frequencies move as much."""


class WindowStats:
    """What there is to see in a window, each thing computed once.

    Args:
        samples: float32[channels, n], n of 3 at least, as it was sampled.
        clipped: the device says that it clipped.
        rate_error: measured over declared rate, less 1; 0 where nobody can tell.
    """

    def __init__(self, samples: NDArray[np.float32], *, clipped: bool = False, rate_error: float = 0.0) -> None:
        self.samples = samples
        self.clipped = clipped
        self.rate_error = rate_error
        self.high: NDArray[np.float32] = samples.max(axis=1)
        self.low: NDArray[np.float32] = samples.min(axis=1)
        # In float64: the square of float32 counts around an offset would lose what moves.
        self.centred = samples.astype(np.float64)
        self.mean: NDArray[np.float64] = self.centred.mean(axis=1)
        with np.errstate(invalid="ignore"):  # infinite less infinite; `non_finite` will say so
            self.centred -= self.mean[:, np.newaxis]
        self.energy: NDArray[np.float64] = np.einsum("ij,ij->i", self.centred, self.centred)

    @property
    def rms(self) -> float:
        """Of the AC part of all channels, in the samples' unit."""
        return float(np.sqrt(self.energy.sum() / self.samples.size))

    @property
    def peak(self) -> float:
        """Largest distance from a channel's mean, in the samples' unit."""
        return float(np.maximum(self.high - self.mean, self.mean - self.low).max())

    @cached_property
    def repeats(self) -> NDArray[np.bool_]:
        """bool[channels, n - 1]: the sample is the same as the one before it."""
        same: NDArray[np.bool_] = self.samples[:, 1:] == self.samples[:, :-1]
        return same

    @cached_property
    def repeated(self) -> list[int]:
        """How many samples of each channel repeat the one before."""
        return [int(np.count_nonzero(row)) for row in self.repeats]

    @cached_property
    def at_an_end(self) -> list[int]:
        """How many samples of each channel stand at its largest or at its least value, whichever are more."""
        return [
            max(int(np.count_nonzero(row == high)), int(np.count_nonzero(row == low)))
            for row, high, low in zip(self.samples, self.high, self.low, strict=True)
        ]

    @cached_property
    def values(self) -> list[NDArray[np.intp]]:
        """Of each channel that may hang or clip: how often each value occurs, least value first. Costly, so rare."""
        return [
            np.unique(row, return_counts=True)[1]
            for row, at_an_end, repeated in zip(self.samples, self.at_an_end, self.repeated, strict=True)
            if at_an_end >= CLIPPED_SAMPLES or repeated > 0.3 * row.size  # three codes can't avoid both
        ]


def _non_finite(look: WindowStats) -> bool:
    return not bool(np.isfinite(look.energy).all())


def _flat(look: WindowStats) -> bool:
    level = np.maximum(look.high, -look.low).astype(np.float64)
    return bool((look.energy <= look.samples.shape[1] * np.square(FLAT * level)).any())


def _stuck(look: WindowStats) -> bool:
    return any(len(counts) <= STUCK_VALUES for counts in look.values)


def _clipping(look: WindowStats) -> bool:
    return look.clipped or any(
        end >= CLIPPED_SAMPLES and end >= CLIPPED_PILE * beside
        for counts in look.values
        for end, beside in ((counts[-1], counts[-2]), (counts[0], counts[1]))
    )


def _dropout(look: WindowStats) -> bool:
    least = look.samples.shape[1] * DROPOUT_SHARE - 1
    pairs = zip(look.repeats, look.repeated, strict=True)
    return any(_longest(row) >= least for row, repeated in pairs if repeated >= least)


def _longest(row: NDArray[np.bool_]) -> int:
    """The longest run of true."""
    ends = np.flatnonzero(np.concatenate(([True], ~row, [True])))
    return int(np.diff(ends).max()) - 1


def _stale(look: WindowStats) -> bool:
    return bool(max(look.repeated) >= STALE_SHARE * look.repeats.shape[1])


def _offset(look: WindowStats) -> bool:
    return bool((np.square(look.mean) * look.samples.shape[1] >= OFFSET**2 * look.energy).any())


def _ski_slope(look: WindowStats) -> bool:
    explained = np.square(look.centred @ _trends(look.samples.shape[1])).sum(axis=1)
    return bool((explained >= SKI_SLOPE * look.energy).any())


@lru_cache(maxsize=64)  # one for each rate of the plant
def _trends(n: int) -> NDArray[np.float64]:
    """A line and a parabola, without a mean, orthogonal and of length 1: float64[n, 2]."""
    time = np.linspace(-1.0, 1.0, n)
    both = np.stack([time, np.square(time) - np.square(time).mean()], axis=1)
    return np.asarray(both / np.sqrt(np.square(both).sum(axis=0)))


def _wrong_rate(look: WindowStats) -> bool:
    return abs(look.rate_error) > RATE_TOLERANCE


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
"""Name -> whether a window has it, in the order in which they are asked: each may rely on the noes before it."""


def find(look: WindowStats, ignored: Container[str] = ()) -> str | None:
    """The first fault that a window has; None where the sensor seems well, or where that one is `ignored`."""
    found = next((name for name, has in FAULTS.items() if has(look)), None)
    return None if found in ignored else found
