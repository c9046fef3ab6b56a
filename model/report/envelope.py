"""The envelope spectrum of a window; a bearing defect shows as lines at its characteristic frequencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PADDING = 4
"""Zero-padding factor of the spectrum, so that a peak between two bins is drawn as a peak."""


def envelope(window: NDArray[np.float32], rate_hz: float, band_hz: tuple[float, float]) -> NDArray[np.float64]:
    """Magnitude of the analytic signal (Hilbert) of the band-passed window: float32[n] to float64[n], in its unit."""
    frequency_hz = np.fft.fftfreq(window.size, 1 / rate_hz)
    inside = (frequency_hz >= band_hz[0]) & (frequency_hz <= band_hz[1])  # no negative frequency among them
    magnitude: NDArray[np.float64] = np.abs(np.fft.ifft(2 * inside * np.fft.fft(window)))
    return magnitude


def envelope_spectrum(
    window: NDArray[np.float32], rate_hz: float, band_hz: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies in Hz, and the amplitude of the envelope's oscillation at each, in the window's unit."""
    swing = envelope(window, rate_hz, band_hz)
    swing -= swing.mean()
    taper = np.hanning(window.size)
    n_padded = PADDING * window.size
    amplitude = 2 * np.abs(np.fft.rfft(swing * taper, n_padded)) / taper.sum()
    return np.arange(amplitude.size) * (rate_hz / n_padded), amplitude.astype(np.float64)
