"""Decimation by a whole factor: no aliases, and almost flat up to the new Nyquist frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

EDGE = 0.02
"""Width of the anti-alias filter's edge, as a part of the new Nyquist frequency: flat to 98 % of it."""


def decimate(samples: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Low-pass and keep every `factor`-th sample: float32[channels, n] to float32[channels, n // factor].

    One spectrum over the whole recording, cut with a raised-cosine edge: flat almost to the new Nyquist frequency,
    which a short filter is not, and no phase.
    """
    n_out = samples.shape[-1] // factor
    return shortened(samples[..., : n_out * factor], n_out)


def shortened(samples: NDArray[np.float32], n_out: int) -> NDArray[np.float32]:
    """Resample to fewer samples of the same duration, any ratio: float32[channels, n] to [channels, n_out]."""
    spectrum = np.fft.rfft(samples.astype(np.float64), axis=-1)[..., : n_out // 2 + 1]
    to_nyquist = 1 - np.arange(spectrum.shape[-1]) / (n_out / 2)
    spectrum *= 0.5 - 0.5 * np.cos(np.pi * np.clip(to_nyquist / EDGE, 0.0, 1.0))
    out: NDArray[np.float32] = (np.fft.irfft(spectrum, n=n_out, axis=-1) / (samples.shape[-1] / n_out)).astype(
        np.float32
    )
    return out
