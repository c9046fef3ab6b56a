"""Small plots in a line of text: the level of a signal over time, and its spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 60
RANGE_DB = 50.0
"""From the lowest block to the highest; the highest is the largest value."""


def level_line(samples: NDArray[np.float32]) -> str:
    """RMS around the mean in at most `WIDTH` equal parts of float32[n], the largest being the highest block."""
    parts = np.array_split(samples.astype(np.float64) - samples.mean(dtype=np.float64), min(WIDTH, samples.size))
    rms = np.sqrt([np.square(part).mean() for part in parts])
    return _line(rms / max(float(rms.max()), np.finfo(np.float64).tiny))


def spectrum_line(samples: NDArray[np.float32]) -> str:
    """Mean power in at most `WIDTH` equal bands from 0 Hz to half the sample rate, over 50 dB; float32[n]."""
    power = np.square(np.abs(np.fft.rfft(samples.astype(np.float64) - samples.mean(dtype=np.float64))[1:]))
    if not power.size or not power.max() > 0:
        return BLOCKS[0]
    bands = np.array([part.mean() for part in np.array_split(power, min(WIDTH, power.size))])
    level_db = 10 * np.log10(np.maximum(bands / bands.max(), 1e-30))
    return _line(1 + level_db / RANGE_DB)


def _line(shares: NDArray[np.float64]) -> str:
    """One block for each share of the height; below 0 counts as 0."""
    steps = (shares.clip(0, 1) * (len(BLOCKS) - 1)).round().astype(int)
    return "".join(BLOCKS[step] for step in steps)
