"""Noise at a given signal-to-noise ratio: Gaussian, Laplacian, pink (the paper's section IV), impulsive; numpy only."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.conditioning import real_fft

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Noise(str, Enum):
    """The distribution and spectrum of a noise."""

    GAUSSIAN = "gaussian"  # white; kurtosis 3
    LAPLACIAN = "laplacian"  # white and peaked; kurtosis 6
    PINK = "pink"  # Gaussian, power falling 10 dB a decade
    IMPULSIVE = "impulsive"  # Gaussian of which one sample in a hundred is 30 times as strong; kurtosis 250


PAPER_NOISES = (Noise.GAUSSIAN, Noise.LAPLACIAN, Noise.PINK)
"""The noises of training; impulsive noise is only for tests of unseen noise."""

IMPULSES = 0.01
IMPULSE_AMPLITUDE = 1000**0.5
"""Contaminated Gaussian noise (Tukey): ten elevenths of the power lie in a hundredth of the samples."""


def _shaped_pink(white: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale the spectrum's amplitude by f to the power -1/2; DC becomes zero."""
    n_samples = white.shape[-1]
    spectrum = np.fft.rfft(white, axis=-1)
    bins = np.arange(spectrum.shape[-1], dtype=np.float32)
    bins[0] = np.inf
    return np.fft.irfft(spectrum / np.sqrt(bins), n=n_samples, axis=-1).astype(np.float32)


def ac_power(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power without the mean: float32[..., n] to float32[..., 1], in the square of the samples' unit."""
    power: NDArray[np.float32] = np.var(x, axis=-1, keepdims=True, dtype=np.float32)
    return power


def unit_noise(kind: Noise, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise whose last axis has an AC power of exactly 1: float32 of `shape`."""
    noise: NDArray[np.float32]
    if kind is Noise.LAPLACIAN:
        # The difference of two exponentials is Laplacian; numpy has no float32 laplace().
        noise = rng.standard_exponential(shape, np.float32) - rng.standard_exponential(shape, np.float32)
    else:
        noise = rng.standard_normal(shape, np.float32)
        if kind is Noise.PINK:
            noise = _shaped_pink(noise)
        elif kind is Noise.IMPULSIVE:
            noise[rng.random(shape, np.float32) < IMPULSES] *= np.float32(IMPULSE_AMPLITUDE)
    noise /= np.sqrt(ac_power(noise))
    return noise


def spectrum_power(spectrum: NDArray[np.complex64], n_samples: int) -> NDArray[np.float32]:
    """The AC power of `n_samples` from their real FFT (Parseval): complex64[..., bins] to float32[..., 1]."""
    energy = np.square(spectrum.real) + np.square(spectrum.imag)
    total = 2 * energy[..., 1:].sum(axis=-1, keepdims=True)
    if n_samples % 2 == 0:
        total -= energy[..., -1:]
    power: NDArray[np.float32] = total / np.float32(n_samples) ** 2
    return power


def unit_noise_spectrum(kind: Noise, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.complex64]:
    """The real FFT of noise as from `unit_noise`, with zero mean: complex64[..., shape[-1] // 2 + 1].

    The bins of Gaussian noise are Gaussian themselves, so they are drawn, and pink noise shaped, where they are needed.
    """
    bins = shape[-1] // 2 + 1
    if kind in (Noise.GAUSSIAN, Noise.PINK):
        parts = rng.standard_normal((*shape[:-1], 2 * bins), np.float32)
        spectrum: NDArray[np.complex64] = parts.view(np.complex64)
        if shape[-1] % 2 == 0:
            spectrum[..., -1] = spectrum[..., -1].real * np.float32(2**0.5)  # that bin is real, at the same power
        if kind is Noise.PINK:
            spectrum[..., 1:] /= np.sqrt(np.arange(1, bins, dtype=np.float32))
    else:
        spectrum = real_fft(unit_noise(kind, shape, rng))
    spectrum[..., 0] = 0
    spectrum /= np.sqrt(spectrum_power(spectrum, shape[-1]))
    return spectrum


def add_noise(
    x: NDArray[np.float32], snr_db: float | NDArray[np.float32], kind: Noise, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Add noise to each window on its own: float32[..., n], a new array.

    Args:
        x: windows; a constant one stays constant, because its AC power is zero.
        snr_db: 10 log10 of the AC power of the window over that of the noise; one number, or an array that
            broadcasts against float32[..., 1].
        kind: which noise.
        rng: the same state gives the same noise.
    """
    ratio = np.power(np.float32(10), np.asarray(snr_db, np.float32) / np.float32(-20))
    noisy: NDArray[np.float32] = x + np.sqrt(ac_power(x)) * ratio * unit_noise(kind, x.shape, rng)
    return noisy
