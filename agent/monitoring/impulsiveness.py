"""Kurtosis of windows: how impulsive a signal is. Gaussian noise has 3, a sine 1.5, a damaged bearing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_SAMPLES: Final = 16_384
"""Samples that are measured at once: copies of them stay in the cache."""


def kurtosis_of(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Fourth central moment over the squared variance (Pearson), of the channel where it is highest.

    Args:
        samples: float32[windows, channels, samples].

    Returns:
        float64[windows]; NaN for a window without variance.
    """
    windows, channels, count = samples.shape
    found, chunk = np.empty(windows), max(1, CHUNK_SAMPLES // (channels * count))
    for start in range(0, windows, chunk):
        part = samples[start : start + chunk]
        square = part - part.mean(axis=2, keepdims=True)
        np.square(square, out=square)
        variance = square.mean(axis=2, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a flat window, or one that is not finite
            square /= variance  # the fourth power of 1e15 is no float32
            found[start : start + chunk] = np.einsum("mij,mij->mi", square, square).max(axis=1) / count
    return found
