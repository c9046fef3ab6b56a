"""RMS velocity of a band from acceleration, integrated in the frequency domain over frames of contiguous signal.

A window of 171 ms resolves 6 Hz: below 25 Hz a spectrum of it cannot tell vibration in the band from what lies below
10 Hz, and the division by the squared frequency makes that large. So the samples of consecutive windows are joined to a
frame of at least ten periods of the lowest frequency (1 s for 10 Hz) before they are transformed.

1. Decimation: four moving averages of D samples (a CIC filter; Hogenauer 1981), to 4 kHz at least. Their zeros lie at
   the multiples of the new rate, where aliases would fall on low frequencies. D divides the new samples of a window.
2. A Hann window and a Fourier transform. The Hann window spreads the power of a line over neighbouring bins with a
   second moment of 1/3 bin²; with the weight 1/f² that makes a line of frequency f in a frame of T seconds stronger by
   1/(f·T)². The weights take that back.
3. The weights of the bins also undo the passband of the decimation, and integrate: 1/(2·pi·f)².
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HIGH_HZ: Final = 1000.0
"""Upper end of the band (ISO 20816-3, clause 4.2)."""

PERIODS: Final = 10
"""Of the lowest frequency in a frame, at least."""

AVERAGES: Final = 4
"""Moving averages of the decimation."""

USABLE_SHARE: Final = 1 / 2.56
"""Part of the sample rate up to which sensors are usable: above it their anti-aliasing filter attenuates."""

EDGE_BINS: Final = 1.5
"""The band is wider by so many bins at each end: a line at an end is spread over its neighbours, and counts to 99 % at
least. ISO 2954 demands 80 to 110 % at 10 Hz and at 1 kHz. White noise counts 8 % too much."""

CHUNK_SAMPLES: Final = 16_384
"""Samples that are transformed at once. With more, each result is larger than what the allocator reuses, and new memory
takes four times as long as the transform."""

_FIRST_FRAMES = 4  # doubled when they are used up


class FrameKind(NamedTuple):
    """What frames must have in common to be in one array."""

    channels: int
    hop: int
    """New samples of each window."""
    sample_rate_hz: float
    low_hz: float
    """Lower end of the band."""
    velocity: bool
    """The samples are of a velocity sensor: nothing is integrated."""


class VelocityFrames:
    """Frames of sensors of one kind, and the RMS velocity of those that are complete.

    Args:
        kind: of the sensors.
    """

    def __init__(self, kind: FrameKind) -> None:
        factor = decimation(kind.hop, kind.sample_rate_hz)
        samples = kind.hop // factor
        rate_hz = kind.sample_rate_hz / factor
        self.hops = math.ceil(PERIODS / kind.low_hz * kind.sample_rate_hz / kind.hop - 1e-9)
        """Windows of a frame."""
        self._hop, self._factor = kind.hop, factor
        self._length = fast_length(self.hops * samples)
        self._filter = _moving_averages(factor)
        self._taper = _hann(self._length)
        self._band, self._weights = _band_weights(kind, rate_hz, factor, self._taper)
        self._frames = np.zeros((0, kind.channels, self.hops, samples), np.float32)
        self._sums = np.zeros((0, kind.channels, AVERAGES, AVERAGES - 1), np.float32)
        self._filled = np.zeros(0, np.intp)
        self._free: list[int] = []

    @property
    def empty(self) -> bool:
        """No frame is in use."""
        return len(self._free) == len(self._filled)

    @property
    def nbytes(self) -> int:
        """Memory of all frames."""
        return self._frames.nbytes + self._sums.nbytes

    @property
    def growth_bytes(self) -> int:
        """Memory that the next `begin` takes."""
        samples = math.prod(self._frames.shape[1:]) + math.prod(self._sums.shape[1:])
        return 0 if self._free else max(_FIRST_FRAMES, len(self._frames)) * samples * self._frames.itemsize

    def begin(self) -> int:
        """Reserve an empty frame; return its index."""
        if not self._free:
            count = len(self._frames)
            more = max(_FIRST_FRAMES, count)
            self._frames, self._sums, self._filled = (
                np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)])
                for array in (self._frames, self._sums, self._filled)
            )
            self._free = list(range(count, count + more))[::-1]
        index = self._free.pop()
        self._filled[index] = 0
        return index

    def end(self, index: int) -> None:
        """Give a frame back; with the last one, all memory is freed."""
        self._free.append(index)
        if self.empty:
            self._frames, self._sums, self._filled = (
                self._frames[:0].copy(),
                self._sums[:0].copy(),
                np.zeros(0, np.intp),
            )
            self._free.clear()

    def restart(self, index: NDArray[np.intp]) -> None:
        """Empty some frames."""
        self._filled[index] = 0

    def add(
        self, index: NDArray[np.intp], samples: NDArray[np.float32], joined: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Add the new samples of one window to each of some frames, and measure those that are complete.

        Args:
            index: int[windows], of distinct frames.
            samples: float32[windows, channels, samples]; the last `hop` of them are new.
            joined: bool[windows], the new samples follow the last ones without a gap; else the frame begins anew.

        Returns:
            int[complete]: which windows completed their frame; float64[complete]: RMS velocity in the band, of the
            channel where it is highest, in the unit of velocity sensors or in units of acceleration times seconds.
        """
        filled = self._filled[index] * joined
        self._frames[index, :, filled] = self._decimated(index, samples[:, :, -self._hop :], filled > 0)
        filled += 1
        complete = np.flatnonzero(filled == self.hops)
        filled[complete] = 0
        self._filled[index] = filled
        chunk = max(1, CHUNK_SAMPLES // self._frames[0].size)
        parts = [complete[start : start + chunk] for start in range(0, len(complete), chunk)]
        return complete, np.concatenate([np.zeros(0), *(self._rms(index[part]) for part in parts)])

    def _decimated(
        self, index: NDArray[np.intp], new: NDArray[np.float32], follows: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """float32[windows, channels, samples]. What a frame begins with is filtered as if zeros were before it."""
        if self._factor == 1:
            return new
        windows, channels, _ = new.shape
        last = AVERAGES - 1
        sums = np.empty((windows, channels, AVERAGES, last + self._hop // self._factor), np.float32)
        np.multiply(self._sums[index], follows[:, None, None, None], out=sums[..., :last])
        blocks = new.reshape(windows, channels, -1, self._factor)
        np.matmul(self._filter, blocks.swapaxes(-1, -2), out=sums[..., last:])
        self._sums[index] = sums[..., -last:]
        decimated: NDArray[np.float32] = sums[:, :, 0, last:].copy()
        for back in range(1, AVERAGES):
            decimated += sums[:, :, back, last - back : -back]
        return decimated

    def _rms(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        frames = self._frames[index].reshape(len(index), self._frames.shape[1], -1)[..., -self._length :]
        frames -= frames.mean(axis=-1, keepdims=True)  # a copy, for it was indexed by an array
        frames *= self._taper
        spectrum = np.fft.rfft(frames)[..., self._band]
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        rms: NDArray[np.float64] = np.sqrt((power @ self._weights).max(axis=1))
        return rms


def decimation(hop: int, sample_rate_hz: float) -> int:
    """The largest divisor of `hop` that leaves four times the upper end of the band; 1 if there is no other."""
    most = max(1, int(sample_rate_hz / (4 * HIGH_HZ)))
    return next(factor for factor in range(most, 0, -1) if hop % factor == 0)


def fast_length(samples: int) -> int:
    """The largest number up to `samples` with no prime factor above 5, which a Fourier transform does fast."""
    odd = (int(3**three * 5**five) for three in range(20) for five in range(14))
    return max(number << (samples // number).bit_length() - 1 for number in odd if number <= samples)


def upper_hz(sample_rate_hz: float) -> float:
    """Upper end of the band of a sensor: `HIGH_HZ`, or what its rate allows."""
    return min(HIGH_HZ, sample_rate_hz * USABLE_SHARE)


def _moving_averages(factor: int) -> NDArray[np.float32]:
    """float32[AVERAGES, factor]: the impulse response in blocks, time reversed within each."""
    response = np.ones(1)
    for _ in range(AVERAGES):
        response = np.convolve(response, np.full(factor, 1 / factor))
    padded = np.zeros(AVERAGES * factor)
    padded[: len(response)] = response
    return np.ascontiguousarray(padded.reshape(AVERAGES, factor)[:, ::-1], np.float32)


def _hann(length: int) -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def _band_weights(
    kind: FrameKind, rate_hz: float, factor: int, taper: NDArray[np.float32]
) -> tuple[slice, NDArray[np.float64]]:
    """The bins of the band, and what the squared magnitude of each adds to the mean square: float64[bins]."""
    length = len(taper)
    bins = np.fft.rfftfreq(length, 1 / rate_hz)
    seconds = length / rate_hz
    edge_hz = EDGE_BINS / seconds
    band = slice(int(np.searchsorted(bins, kind.low_hz - edge_hz)),
                 int(np.searchsorted(bins, upper_hz(kind.sample_rate_hz) + edge_hz, "right")))  # fmt: skip
    f_hz = bins[band]
    weights = np.full(len(f_hz), 2 / (length * np.square(taper.astype(np.float64)).sum()))
    passband = np.sin(np.pi * f_hz / rate_hz) / (factor * np.sin(np.pi * f_hz / (rate_hz * factor)))
    weights /= passband ** (2 * AVERAGES)
    if not kind.velocity:
        weights *= (1 - 1 / np.square(f_hz * seconds)) / np.square(2 * np.pi * f_hz)
    return band, weights
