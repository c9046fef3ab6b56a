"""Signal conditioning, shared by training, export and agent, so that the model's input is the same in all of them.

One operation does both jobs, per window and without state: the window's spectrum is cut at the contract's
bandwidth and brought back at the contract's rate. A window therefore never depends on packet boundaries, on a
filter's history or on what was lost before it (docs/contribute/decisions/0001-conditioning-per-window.md). The mean is
removed on the way: its bin is zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROLL_OFF = 0.05
"""Width of the raised-cosine edge below the bandwidth, as a part of it: its ringing dies out within
about 1 / (ROLL_OFF x bandwidth), 4 ms at 5.3 kHz."""


CHUNK_SAMPLES = 32_768
"""Samples that are conditioned at once: their spectrum has 128 kB and stays in the cache of one core."""


class RateTooLowError(ValueError):
    """The samples were taken too slowly to hold the bandwidth that the model needs."""


def native_window(window: int, sample_rate_hz: float, model_rate_hz: float) -> int:
    """Samples at `sample_rate_hz` that last as long as `window` samples at `model_rate_hz`.

    Rounding to whole samples misplaces a frequency by at most half a sample per window (0.006 % at 8,738).
    """
    return round(window * sample_rate_hz / model_rate_hz)


def check_rate(sample_rate_hz: float, bandwidth_hz: float) -> None:
    """Refuse a rate whose Nyquist frequency lies below the bandwidth.

    Raises:
        RateTooLowError: with the least rate that will do.
    """
    if sample_rate_hz < 2 * bandwidth_hz:
        raise RateTooLowError(
            f"{sample_rate_hz:g} Hz holds no {bandwidth_hz:g} Hz bandwidth; sample at {2 * bandwidth_hz:g} Hz or above"
        )


def band_mask(window: int, rate_hz: float, bandwidth_hz: float) -> NDArray[np.float32]:
    """Gain of each bin of `rfft` over `window` samples at `rate_hz`: float32[window // 2 + 1].

    1 in the band, a raised-cosine edge that reaches 0 at `bandwidth_hz`, 0 above it and at DC.
    """
    frequency_hz = np.fft.rfftfreq(window, 1 / rate_hz)
    edge = np.clip((bandwidth_hz - frequency_hz) / (ROLL_OFF * bandwidth_hz), 0.0, 1.0)
    mask = 0.5 - 0.5 * np.cos(np.pi * edge)
    mask[0] = 0.0
    gains: NDArray[np.float32] = mask.astype(np.float32)
    return gains


def real_fft(x: NDArray[np.float32]) -> NDArray[np.complex64]:
    """`rfft` over the last axis, in single precision."""
    return np.fft.rfft(x, axis=-1).astype(np.complex64, copy=False)  # as it is; numpy's stubs say complex128


class Conditioner:
    """Brings windows of one native rate to the model's rate and bandwidth; stateless after construction.

    Args:
        window: samples of the model's window.
        model_rate_hz: rate of the model's window.
        bandwidth_hz: nothing above it passes.
        sample_rate_hz: rate of the windows that come in.

    Raises:
        RateTooLowError: the native rate can't hold the bandwidth.
    """

    def __init__(self, window: int, model_rate_hz: float, bandwidth_hz: float, sample_rate_hz: float) -> None:
        check_rate(sample_rate_hz, bandwidth_hz)
        self.window = window
        self.native_window = native_window(window, sample_rate_hz, model_rate_hz)
        self._mask = band_mask(window, model_rate_hz, bandwidth_hz)
        self._mask *= np.float32(window / self.native_window)
        self._bins = min(self._mask.size, self.native_window // 2 + 1)

    def __call__(self, native: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Condition `float32[..., native_window]` into `out`, `float32[..., window]`."""
        if native.ndim == 1:
            out[...] = self.from_spectrum(real_fft(native))
            return
        rows = max(1, CHUNK_SAMPLES // (native.shape[-1] * native.shape[-2]))
        # One array for the spectra of all parts: a new one each time comes out of a slower cache.
        spectra = np.empty((min(rows, len(native)), *native.shape[1:-1], native.shape[-1] // 2 + 1), np.complex64)
        for start in range(0, len(native), rows):
            part = native[start : start + rows]
            spectrum = np.fft.rfft(part, axis=-1, out=spectra[: len(part)])[..., : self._bins]
            np.multiply(spectrum, self._mask[: self._bins], out=spectrum)
            np.fft.irfft(spectrum, n=self.window, axis=-1, out=out[start : start + rows])  # type: ignore[arg-type]  # numpy's stubs say float64

    def from_spectrum(self, spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
        """The same from the window's real FFT, `complex64[..., native_window // 2 + 1]`, which is spent."""
        spectrum = spectrum[..., : self._bins]
        spectrum *= self._mask[: self._bins]
        # irfft pads the missing bins with zeros when the native rate is below the model's.
        return np.fft.irfft(spectrum, n=self.window, axis=-1).astype(np.float32, copy=False)
