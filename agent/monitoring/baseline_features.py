"""Features of a window that a health baseline is learnt from; numpy only, no state.

Level, impulsiveness, spectrum and envelope spectrum of the conditioned window, and the model's log-odds of a fault. All
are logarithms, so that a change by a factor is a step of the same size at every level. The model's novelty is no
feature: it moves with the speed of a healthy machine, and did not tell faulty windows from healthy ones
(docs/reference/baseline-method.md).

The envelope spectrum is that of the squared envelope (Randall and Antoni, "Rolling element bearing diagnostics - A
tutorial", Mechanical Systems and Signal Processing 25(2), 2011, section 5). It is taken in four bands, each divided by
its mean power, and averaged. So it is relative: neither the gain nor the shape of the spectrum changes it. Of
stationary Gaussian noise it is 1 at every frequency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract

SPECTRUM_BANDS: Final = 20
ENVELOPE_BANDS: Final = 24
ENVELOPE_SOURCES: Final = 4
"""Bands of the signal whose envelopes are averaged."""

ENVELOPE_FROM: Final = 0.075
"""Share of the bandwidth below which the signal has no part in the envelope: harmonics of the shaft are there."""

IN_BAND: Final = 0.95
"""Share of the bandwidth up to which the conditioned spectrum is flat (drsn.model.conditioning)."""

ENVELOPE_RATIO: Final = 1.17
"""Upper over lower edge of a band of the envelope spectrum; a band holds one bin at least."""

ORDERS: Final = np.geomspace(0.4, 0.4 * ENVELOPE_RATIO**ENVELOPE_BANDS, ENVELOPE_BANDS + 1)
"""Edges of the bands of the envelope spectrum in orders of the shaft: 0.4 to 17, from the cage to twice BPFI."""

_TINY = 1e-6  # of relative power; float32 has no more
_LEAST = 1e-30
_MOST_NATS = 9.0  # log-odds of 0.9999; beyond it calibration was not checked
_CHUNK_SAMPLES = 32_768  # computed at once, so that all arrays of a part stay in the cache of one core


@dataclass(frozen=True, slots=True)
class FeatureGroup:
    """Columns of one kind."""

    name: str
    """As in a label of the condition `changed`."""
    columns: slice


def _groups() -> tuple[FeatureGroup, ...]:
    sizes = {"level": 1, "impulsiveness": 2, "spectrum": SPECTRUM_BANDS, "envelope": ENVELOPE_BANDS, "model": 1}
    groups, at = [], 0
    for name, size in sizes.items():
        groups.append(FeatureGroup(name, slice(at, at + size)))
        at += size
    return tuple(groups)


GROUPS: Final = _groups()
"""`impulsiveness`: logarithms of crest factor and kurtosis. `model`: log-odds of a fault."""

FEATURES: Final = GROUPS[-1].columns.stop
LEVEL, IMPULSIVENESS, SPECTRUM, ENVELOPE, MODEL = (group.columns for group in GROUPS)


@dataclass(frozen=True, slots=True)
class BaselineSignal:
    """What the features were computed from; they mean nothing for another window."""

    window: int
    sample_rate_hz: float
    bandwidth_hz: float
    channels: int

    @classmethod
    def of(cls, contract: ModelContract) -> BaselineSignal:
        """The signal of a model's windows."""
        return cls(contract.window, contract.sample_rate_hz, contract.bandwidth_hz, contract.channels)

    def __str__(self) -> str:
        return (
            f"{self.window} samples at {self.sample_rate_hz:g} Hz up to {self.bandwidth_hz:g} Hz, "
            f"{self.channels} channel{'s' if self.channels > 1 else ''}"
        )


class BaselineFeatures:
    """Computes the features of windows of one model's rate.

    Args:
        contract: window, rate, bandwidth, conditions.
    """

    def __init__(self, contract: ModelContract) -> None:
        self._bin_hz = bin_hz = contract.sample_rate_hz / contract.window
        top = int(min(IN_BAND * contract.bandwidth_hz, contract.sample_rate_hz / 2) / bin_hz)
        self._spectrum = _spectrum_edges(top, ENVELOPE_FROM * contract.bandwidth_hz / bin_hz)
        self._from = int(ENVELOPE_FROM * contract.bandwidth_hz / bin_hz) + 1
        self._size = fast_size(max(2, (top - self._from) // ENVELOPE_SOURCES))
        self._lines = self._size // 2
        """Bins of the envelope spectrum that are used, without the first."""
        self._envelope = _envelope_edges(self._lines)
        self._rows = max(1, _CHUNK_SAMPLES // contract.window)
        # Allocated once: the page faults of new arrays of this size take longer than their FFT.
        self._samples = np.empty((self._rows, contract.window))
        self._spectra = np.empty((self._rows, contract.window // 2 + 1), np.complex128)
        self.signal = BaselineSignal.of(contract)
        self._healthy = np.array([label.healthy for label in contract.labels])

    @property
    def spectrum_hz(self) -> NDArray[np.float64]:
        """float64[bands + 1]: edges of the bands of the spectrum; `SPECTRUM_BANDS`, or fewer in a short window."""
        return _edges_hz(self._spectrum, self._bin_hz)

    @property
    def envelope_hz(self) -> NDArray[np.float64]:
        """float64[bands + 1]: edges of those of the envelope spectrum; `ENVELOPE_BANDS`, or fewer in a short window."""
        return _edges_hz(self._envelope, self._bin_hz)

    def __call__(
        self,
        x: NDArray[np.float32],
        rms: NDArray[np.float64],
        rpm: NDArray[np.float64],
        probabilities: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Compute the features of windows.

        Args:
            x: float32[rows, channels, window], conditioned. Of several channels the mean of each feature is taken; more
                channels than the sensor has, such as the shaft's angle, are left out.
            rms: float64[rows], in the sensor's unit.
            rpm: float64[rows]; where it is a number, the envelope spectrum is in orders of the shaft, else in hertz.
            probabilities: float32[rows, labels] of the model.

        Returns:
            float32[rows, FEATURES]. NaN: the window lacks it, as an order above the envelope spectrum.
        """
        out = np.empty((len(x), FEATURES), np.float32)
        out[:, LEVEL] = np.log(np.maximum(rms, _LEAST))[:, np.newaxis]
        healthy, faulty = probabilities[:, self._healthy].sum(axis=1), probabilities[:, ~self._healthy].sum(axis=1)
        odds = np.log(np.maximum(faulty, _LEAST)) - np.log(np.maximum(healthy, _LEAST))
        out[:, MODEL] = np.clip(odds, -_MOST_NATS, _MOST_NATS)[:, np.newaxis]
        for start in range(0, len(x), self._rows):
            rows = slice(start, start + self._rows)
            self._of_signal(x[rows], rpm[rows], out[rows])
        return out

    def _of_signal(self, x: NDArray[np.float32], rpm: NDArray[np.float64], out: NDArray[np.float32]) -> None:
        channels = range(self.signal.channels)
        of_signal = slice(IMPULSIVENESS.start, ENVELOPE.stop)
        out[:, of_signal] = sum(self._of_channel(x[:, channel], rpm) for channel in channels) / len(channels)

    def _of_channel(self, x: NDArray[np.float32], rpm: NDArray[np.float64]) -> NDArray[np.float32]:
        square = np.square(x)
        power = np.maximum(square.mean(axis=1, keepdims=True), _LEAST)
        edges = self._spectrum
        samples, full = self._samples[: len(x)], self._spectra[: len(x)]
        np.copyto(samples, x)
        np.fft.rfft(samples, axis=1, out=full)
        spectrum = full[:, : edges[-1]].astype(np.complex64)
        energy = _power(spectrum)
        total = np.maximum(energy[:, 1:].sum(axis=1, keepdims=True), _LEAST)
        bands = np.add.reduceat(energy, edges[:-1], axis=1) / total
        columns = [
            np.log(np.maximum(square.max(axis=1, keepdims=True) / power, 1)) / 2,
            np.log(np.maximum(np.square(square / power).mean(axis=1, keepdims=True), 1)),
            _padded(np.log(bands + _TINY), SPECTRUM_BANDS),
            self._envelope_bands(spectrum, rpm),
        ]
        return np.concatenate(columns, axis=1).astype(np.float32, copy=False)

    def _envelope_bands(self, spectrum: NDArray[np.complex64], rpm: NDArray[np.float64]) -> NDArray[np.float32]:
        rows, size = len(spectrum), self._size
        parts = spectrum[:, self._from : self._from + ENVELOPE_SOURCES * size].reshape(rows * ENVELOPE_SOURCES, size)
        envelope = _power(np.fft.ifft(parts, axis=1))
        envelope /= np.maximum(envelope.mean(axis=1, keepdims=True), _LEAST)
        lines = _power(np.fft.rfft(envelope, axis=1)[:, : self._lines + 1]) / np.float32(size)
        lines = lines.reshape(rows, ENVELOPE_SOURCES, -1).mean(axis=1)
        edges = self._envelope
        sums: NDArray[np.float32] = np.add.reduceat(lines[:, : edges[-1]], edges[:-1], axis=1)
        sums /= np.diff(edges)
        mean = _padded(sums, ENVELOPE_BANDS)
        known = np.isfinite(rpm)
        if known.any():
            mean[known] = self._in_orders(lines[known], rpm[known])
        bands: NDArray[np.float32] = np.log(mean + _TINY)
        return bands

    def _in_orders(self, lines: NDArray[np.float32], rpm: NDArray[np.float64]) -> NDArray[np.float32]:
        """Mean over each band of orders, where a line is a rectangle of one bin's width."""
        lines[:, 0] = 0  # the mean
        total = np.zeros((len(lines), lines.shape[1] + 1))
        np.cumsum(lines, axis=1, out=total[:, 1:])
        at = ORDERS * (rpm[:, np.newaxis] / 60 / self._bin_hz) + 0.5  # in bins, from the lower edge of the first
        inside = at < lines.shape[1]
        at = np.where(inside, at, 0)
        whole = at.astype(np.intp)
        part = at - whole
        below = np.take_along_axis(total, whole, axis=1)
        edge = below + part * (np.take_along_axis(total, whole + 1, axis=1) - below)
        width = np.diff(at, axis=1)
        mean = np.diff(edge, axis=1) / np.where(width > 0, width, 1)
        mean[~(inside[:, 1:] & (width > 0) & (at[:, :-1] >= 1))] = np.nan
        bands: NDArray[np.float32] = mean.astype(np.float32)
        return bands


def _edges_hz(edges: NDArray[np.intp], bin_hz: float) -> NDArray[np.float64]:
    return np.asarray((edges - 0.5) * bin_hz, np.float64)


def fast_size(most: int) -> int:
    """The largest length up to `most`, which is 2 at least, whose FFT is fast: twos and at most one three."""
    power = 1 << (most.bit_length() - 1)
    return power * 3 // 2 if power * 3 // 2 <= most else power


def _spectrum_edges(lines: int, knee: float) -> NDArray[np.intp]:
    """Edges of bands over bins 1 to `lines`: of even width far below bin `knee`, of an even ratio far above it."""
    edges = knee * ((1 + lines / knee) ** (np.arange(SPECTRUM_BANDS + 1) / SPECTRUM_BANDS) - 1)
    rising: NDArray[np.intp] = edges.round().astype(np.intp) + 1
    return rising[np.diff(rising, prepend=0) > 0]  # np.unique would import numpy.ma, 7 ms of each start


def _envelope_edges(lines: int) -> NDArray[np.intp]:
    """Edges of bands over bins 1 to `lines`, of one bin at first, then of an even ratio that leads to `lines`."""
    ratio = 1.0
    while len(_widening(lines, ratio)) - 1 > ENVELOPE_BANDS:
        ratio += 0.005
    return _widening(lines, ratio)


def _widening(lines: int, ratio: float) -> NDArray[np.intp]:
    edges = [1]
    while edges[-1] <= lines:
        edges.append(min(lines + 1, max(edges[-1] + 1, round(edges[-1] * ratio))))
    return np.array(edges, np.intp)


def _padded(values: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """The columns, and NaN for those that a short window lacks."""
    missing = columns - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan) if missing else values


def _power(values: NDArray[np.complexfloating[Any, Any]]) -> NDArray[np.float32]:
    power: NDArray[np.float32] = (np.square(values.real) + np.square(values.imag)).astype(np.float32, copy=False)
    return power
