"""Training batches: random windows, each with another transmission path, another speed and another noise.

A network that was trained without noise fails under noise. One that was trained without changes of speed and
transmission path at one load fails at another load; docs/reference/training.md has what else a training does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.conditioning import Conditioner, native_window, real_fft
from drsn.model.errors import BadDataError
from drsn.model.foreign_signals import STRANGERS, resonances, shuffled
from drsn.model.noise import spectrum_power, unit_noise_spectrum
from drsn.model.shaft_angle import shaft_angle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe

GROUPS = 8
"""Groups in a batch. The windows of one group share their noise and change of speed, and so one FFT."""

EQUALISER_POINTS = 9

NOISES = tuple(STRANGERS[name] for name in ("gaussian noise", "laplacian noise", "pink noise"))
"""Signals of `noise_only_share`, beside noise through resonances and shuffled recordings.

Hum, tones, random impulses and a loose contact are not among them: the noise check of the export
(drsn.export.noise_check) needs kinds that no training has shown to the network.
"""

SHUFFLED_SHARE, RESONANCES_SHARE = 0.35, 0.35
"""Of the windows of `noise_only_share`: recorded windows in random order, and noise through resonances."""

LARGEST_BLOCK = 4
"""Samples, at the rate of the model, that stay together in a shuffled window: shorter than the ringing of an impact."""

SPEED_ERROR = 0.01
"""Largest relative error of a window's speed in training: a drive's display, or a speed that drifts."""


@dataclass(frozen=True)
class TrainingBatch:
    """Conditioned windows float32[batch, channels, window], and the indices of their labels, int64[batch]."""

    samples: NDArray[np.float32]
    label: NDArray[np.int64]


class Augmenter:
    """Draws batches; the same generator state draws the same batches.

    A label is drawn, then a recording of it, then a place in the recording.

    Raises:
        BadDataError: a recording is shorter than a window at the highest speed.
    """

    def __init__(self, recordings: Sequence[Recording], recipe: Recipe, rng: np.random.Generator) -> None:
        self._signal = recipe.signal
        self._settings = recipe.augmentation
        self._batch = recipe.optimisation.batch
        self._rng = rng
        self._by_label = [[r for r in recordings if r.label == name] for name in recipe.label_names]
        self._shares = label_shares(recipe)
        self._healthy = np.array([label.healthy for label in recipe.labels])
        rates = {recording.sample_rate_hz for recording in recordings}
        assert len(rates) == 1, "loaders bring a data set to one rate"
        window = native_window(self._signal.window, rates.pop(), self._signal.sample_rate_hz)
        self._nominal, self._natives = window, native_windows(window, self._settings.speed)
        for recording in recordings:
            window_s = self._signal.window / self._signal.sample_rate_hz * (1 + self._settings.speed)
            if recording.n_samples < round(window_s * recording.sample_rate_hz):
                raise BadDataError(f"recording {recording.name}: shorter than a window of {window_s:.3g} s; give more")

    def draw(self) -> TrainingBatch:
        """Draw the next batch."""
        signal, rng = self._signal, self._rng
        samples = np.empty((self._batch, signal.input_channels, signal.window), np.float32)
        labels = len(self._by_label)
        if self._shares is None:
            label = rng.integers(labels, size=self._batch)
        else:
            label = rng.choice(labels, size=self._batch, p=self._shares)
        for group in np.array_split(np.arange(self._batch), GROUPS):
            samples[group] = self._group(label[group])
        return TrainingBatch(samples, label)

    def _group(self, label: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cut, equalise, add noise, condition: all but the cut on the windows' spectra, with one FFT each way.

        In the order domain the shaft's angle follows, at a speed that is wrong by up to `SPEED_ERROR`.
        """
        signal, settings, rng = self._signal, self._settings, self._rng
        chosen = [self._by_label[index][rng.integers(len(self._by_label[index]))] for index in label]
        # A window of other length, taken for one of the model's duration, is the machine at another speed.
        native = int(rng.choice(self._natives))
        samples = np.stack([_cut(recording, native, rng) for recording in chosen])
        if settings.mix:
            other = np.stack([_cut(recording, native, rng) for recording in chosen])
            samples = superpose(samples, other, settings.mix, rng)
        if settings.noise_only_share:
            samples = self._noise_only(samples, label)
        spectrum = real_fft(samples)
        equalise(spectrum, settings.equaliser_db, rng)
        noise = settings.noises[rng.integers(len(settings.noises))]
        snr_db = rng.uniform(*settings.snr_db, size=(len(chosen), 1, 1))
        snr_db[rng.uniform(size=len(chosen)) < settings.clean_share] = np.inf
        strength = np.sqrt(spectrum_power(spectrum, native)) * 10 ** (snr_db.astype(np.float32) / -20)
        spectrum += strength * unit_noise_spectrum(noise, samples.shape, rng)
        rate_hz = native / signal.window * signal.sample_rate_hz
        conditioner = Conditioner(signal.window, signal.sample_rate_hz, signal.bandwidth_hz, rate_hz)
        windows = conditioner.from_spectrum(spectrum)
        if signal.domain == "time":
            return windows
        error = rng.uniform(1 - SPEED_ERROR, 1 + SPEED_ERROR, len(chosen)) * native / self._nominal
        rpm = error * np.array([recording.rpm or np.nan for recording in chosen])
        angle = shaft_angle(rpm, signal.window, signal.sample_rate_hz)
        return np.concatenate([windows, angle[:, np.newaxis]], axis=1)

    def _noise_only(self, samples: NDArray[np.float32], label: NDArray[np.int64]) -> NDArray[np.float32]:
        """Replace a share of the windows of healthy labels by noise, or by shuffled windows of any label.

        The equaliser colours them.
        """
        rng, native = self._rng, samples.shape[-1]
        rate_hz = native / self._signal.window * self._signal.sample_rate_hz
        chosen = self._healthy[label] & (rng.uniform(size=len(label)) < self._settings.noise_only_share)
        samples = samples.copy()
        for row in np.flatnonzero(chosen):
            kind = rng.uniform()
            if kind < SHUFFLED_SHARE:
                samples[row] = self._shuffled(native)
                continue
            make = resonances if kind < SHUFFLED_SHARE + RESONANCES_SHARE else NOISES[rng.integers(len(NOISES))]
            samples[row] = [make(native, rate_hz, rng) for _ in range(samples.shape[1])]
        return samples

    def _shuffled(self, native: int) -> NDArray[np.float32]:
        """A window of a recording of any label with its samples, or short blocks of them, in random order.

        A block lasts at least a sample of the model. Shorter ones would be averaged when the rate is reduced, and the
        impulses would be lost.
        """
        rng = self._rng
        of_label = self._by_label[rng.integers(len(self._by_label))]
        recording = of_label[rng.integers(len(of_label))]
        block = rng.integers(1, LARGEST_BLOCK + 1) * native / self._signal.window
        return shuffled(_cut(recording, native, rng), max(1, round(block)), rng)


def label_shares(recipe: Recipe) -> NDArray[np.float64] | None:
    """Share of the windows of each label: float64[labels]; None: each label as often."""
    share = recipe.augmentation.healthy_share
    if share is None:
        return None
    healthy = np.array([label.healthy for label in recipe.labels])
    weights = np.where(healthy, share / healthy.sum(), (1 - share) / max(1, (~healthy).sum()))
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def native_windows(window: int, speed: float) -> NDArray[np.int64]:
    """Lengths, in samples, of a window at speeds from 1 - `speed` to 1 + `speed`.

    `window` itself, and those without prime factors above 13: an FFT of any other length takes ten times as long.
    """
    lengths = range(round(window * (1 - speed)), round(window * (1 + speed)) + 1)
    return np.array([length for length in lengths if length == window or _is_smooth(length)])


def _is_smooth(length: int) -> bool:
    for prime in (2, 3, 5, 7, 11, 13):
        while length % prime == 0:
            length //= prime
    return length == 1


def _cut(recording: Recording, native: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A window at a random place, inverted half of the time, because a sensor may be mounted either way round."""
    start = rng.integers(recording.n_samples - native + 1)
    window = recording.samples[:, start : start + native]
    return window if rng.integers(2) else -window


def superpose(
    one: NDArray[np.float32], other: NDArray[np.float32], share: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Add to that `share` of windows up to as much of another of the same recording: float32[n, channels, window].

    A network then meets mixtures of two times of a recording, and does not memorise a few seconds of it.
    """
    shape = (len(one), 1, 1)
    part = rng.uniform(0.0, 0.5, shape) * (rng.uniform(size=shape) < share)
    return (np.sqrt(1 - part) * one + np.sqrt(part) * other).astype(np.float32)


def equalise(spectrum: NDArray[np.complex64], sigma_db: float, rng: np.random.Generator) -> None:
    """Give each window another transmission path, in place: a random gain curve through nine points in dB.

    complex64[n, channels, bins], of real FFTs. Points are evenly spaced up to the Nyquist frequency.
    """
    bins = spectrum.shape[-1]
    points_db = rng.normal(0.0, sigma_db, (len(spectrum), EQUALISER_POINTS)).astype(np.float32)
    at = np.linspace(0, EQUALISER_POINTS - 1, bins, dtype=np.float32)
    left = np.minimum(at.astype(np.intp), EQUALISER_POINTS - 2)
    part = at - left
    curve_db = points_db[:, left] * (1 - part) + points_db[:, left + 1] * part
    spectrum *= np.power(np.float32(10), curve_db / np.float32(20))[:, np.newaxis]
