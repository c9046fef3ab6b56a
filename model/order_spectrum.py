"""The spectrum of a machine's envelope over the angle of its shaft, relative to the noise beside each bin.

The steps of envelope analysis (Randall and Antoni, "Rolling element bearing diagnostics - A tutorial", Mechanical
Systems and Signal Processing 25(2), 2011, sections 4 and 5): bring the bands to equal power, take the envelope,
resample it from time to the shaft's angle, take its spectrum. Pure functions on arrays, numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.model.conditioning import ROLL_OFF, real_fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS: Final = 48
"""Values of the angle series in a revolution: orders up to 24, three harmonics of a BPFI of 8."""

REVOLUTIONS: Final = 64
"""Longest angle series. Slip widens a line to about 0.01 orders, so a longer one gains little.

Measured: docs/trust/bearing-quality.md.
"""

LENGTH: Final = BINS * REVOLUTIONS
LONGEST_S: Final = 4.0
"""A series is no longer than this, so that a defect of a slow machine does not wait for a minute."""

LENGTHS: Final = tuple(BINS * n for n in (64, 48, 36, 24, 18, 12, 9))
"""Lengths that are evaluated, longest first; each has its precomputed window. A shorter series is not evaluated."""

LOWEST_SHARE: Final = 1 / 16
"""Lower edge of the envelope's band as a share of the bandwidth: unbalance and its harmonics lie below it."""

EQUALISER_HZ: Final = 160.0
"""Width of the bands that are brought to equal power, so that no resonance and no gear tone outweighs the rest."""

BLOCK: Final = 16
"""Bins of the spectrum, a quarter of an order, in one mean of the noise floor."""

CHUNK_SAMPLES: Final = 16_384
"""Samples that are transformed at once: their spectrum takes 64 kB. From 128 kB on the C library gets memory from the
system for each array, and its page faults cost more than the FFT."""

EULER: Final = 0.5772
"""The mean of the logarithm of an exponentially distributed power lies this far below the logarithm of its mean."""


class Envelope:
    """The amplitude envelope of windows, each band brought to equal power (pre-whitening), at half the sample rate.

    Args:
        window: samples of a window.
        sample_rate_hz: of the windows.
        bandwidth_hz: nothing above it is in them.
    """

    def __init__(self, window: int, sample_rate_hz: float, bandwidth_hz: float) -> None:
        bin_hz = sample_rate_hz / window
        low = max(1, int(bandwidth_hz * LOWEST_SHARE / bin_hz))
        high = min(int((1 - ROLL_OFF / 2) * bandwidth_hz / bin_hz), window // 2)
        self._width = max(1, round(EQUALISER_HZ / bin_hz))
        self._bands = max(1, (high - low) // self._width)
        self._low, self._high = low, low + self._bands * self._width
        self._frames = window // 2
        self.rate_hz = sample_rate_hz * self._frames / window
        """Frames of the envelope in a second."""

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[rows, window] to float32[rows, window // 2], positive, without unit."""
        out = np.empty((len(x), self._frames), np.float32)
        rows = max(1, CHUNK_SAMPLES // x.shape[1])
        for start in range(0, len(x), rows):
            out[start : start + rows] = self._of_few(x[start : start + rows])
        return out

    def _of_few(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = real_fft(x)[:, self._low : self._high].copy().view(np.float32)  # real and imaginary in turn
        bands = parts.reshape(len(x), self._bands, 2 * self._width)
        power = np.einsum("rbw,rbw->rb", bands, bands)
        bands /= np.sqrt(power + _TINY)[:, :, None]
        analytic = np.zeros((len(x), self._frames), np.complex64)
        analytic[:, self._low : self._high] = parts.view(np.complex64)
        signal = np.fft.ifft(analytic, axis=1)  # positive frequencies alone: the analytic signal, at half the rate
        return modulus(signal.astype(np.complex64, copy=False))


def modulus(x: NDArray[np.complex64]) -> NDArray[np.float32]:
    """The modulus of contiguous complex numbers, which are spent; twice as fast as `abs`, which avoids overflow."""
    parts = x.view(np.float32)
    np.square(parts, out=parts)
    found: NDArray[np.float32] = np.sqrt(parts[..., ::2] + parts[..., 1::2])
    return found


_TINY: Final = np.float32(1e-30)


def to_angle(
    envelope: NDArray[np.float32], frames_per_bin: NDArray[np.float64], offset: NDArray[np.float64], most: int = LENGTH
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.float64]]:
    """Resample the newest part of each envelope from time to the shaft's angle.

    Each value is the mean over its bin: the integral of the envelope, linearly interpolated.

    Args:
        envelope: float32[rows, frames].
        frames_per_bin: float64[rows]: frames in a bin of the angle.
        offset: float64[rows]: frame at which the next bin begins; it may be negative, down to one bin.
        most: no row gets more bins than this; the oldest are left out.

    Returns:
        The bins float32[rows, most of any row]; how many each row has, int[rows]; and the offset that the next envelope
        continues at, measured from the end of this one (zero or negative).
    """
    frames = envelope.shape[1]
    counts = np.maximum(np.floor((frames - offset) / frames_per_bin), 0).astype(np.intp)
    left_out = np.maximum(counts - most, 0)
    start, counts = offset + left_out * frames_per_bin, counts - left_out
    edges = start[:, None] + np.arange(counts.max(initial=0) + 1) * frames_per_bin[:, None]
    np.clip(edges, 0, frames, out=edges)
    whole = np.minimum(edges.astype(np.intp), frames - 1)
    integral = np.zeros((len(envelope), frames + 1), np.float32)  # of some thousand values near 1: exact to 1e-3 frames
    np.cumsum(envelope, axis=1, out=integral[:, 1:])
    rows = np.arange(len(envelope))[:, None] * frames
    at_edges = integral.ravel()[whole + rows + np.arange(len(envelope))[:, None]]
    at_edges += (edges - whole).astype(np.float32) * envelope.ravel()[whole + rows]
    widths = np.maximum(np.diff(edges, axis=1), 1e-3).astype(np.float32)
    return np.diff(at_edges, axis=1) / widths, counts, start + counts * frames_per_bin - frames


@dataclass(frozen=True, slots=True)
class OrderSpectrum:
    """The spectrum of angle series relative to the noise beside each bin; `REVOLUTIONS` bins an order."""

    logs: NDArray[np.float32]
    """float32[rows, LENGTH // 2]: natural logarithm of power over noise."""
    length: NDArray[np.intp]
    """int[rows]: how many values of the series were used."""


_HANN: Final = np.zeros((len(LENGTHS), LENGTH), np.float32)
for _row, _length in enumerate(LENGTHS):
    _HANN[_row, :_length] = np.hanning(_length + 1)[:-1]
_HANN_SUM: Final = _HANN.sum(axis=1)
_RANKS: Final = np.array(LENGTHS)


def usable(filled: NDArray[np.intp], shaft_hz: NDArray[np.float64]) -> NDArray[np.intp]:
    """The longest of `LENGTHS` within what is filled and within `LONGEST_S`, of each row; 0: none fits."""
    most = np.minimum(filled, (LONGEST_S * BINS * shaft_hz).astype(np.intp))
    fits = most[:, None] >= _RANKS
    return np.where(fits.any(axis=1), _RANKS[fits.argmax(axis=1)], 0)


def order_spectrum(series: NDArray[np.float32], length: NDArray[np.intp]) -> OrderSpectrum:
    """The order spectrum of angle series.

    Args:
        series: float32[rows, LENGTH]; the values in use come first, oldest first.
        length: int[rows]: how many are in use; each is one of `LENGTHS`.
    """
    rank = len(LENGTHS) - 1 - np.searchsorted(_RANKS[::-1], length)
    window = _HANN[rank]
    tapered = series * window
    tapered -= (tapered.sum(axis=1) / _HANN_SUM[rank])[:, None] * window  # the weighted mean
    spectrum = np.empty((len(series), LENGTH // 2), np.complex64)
    for start in range(0, len(series), CHUNK_SAMPLES // LENGTH):
        few = slice(start, start + CHUNK_SAMPLES // LENGTH)
        spectrum[few] = real_fft(tapered[few])[:, : LENGTH // 2]
    parts = spectrum.view(np.float32)
    np.square(parts, out=parts)
    logs = parts[:, ::2] + parts[:, 1::2]
    logs += _TINY
    np.log(logs, out=logs)
    blocks = logs.reshape(len(logs), -1, BLOCK)
    means = np.pad(np.einsum("rbk->rb", blocks) / np.float32(BLOCK), ((0, 0), (2, 2)), mode="edge")
    floor = (means[:, :-4] + means[:, 1:-3] + means[:, 2:-2] + means[:, 3:-1] + means[:, 4:]) / 5
    blocks -= (floor + np.float32(EULER))[:, :, None]
    return OrderSpectrum(logs, length)
