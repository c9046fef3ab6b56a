"""Training batches: random windows, each seen through another machine, at another speed, under another noise.

Without noise in training every network collapses under it, without a change of speed and of transmission path a
network trained at one load fails at another; see docs/models.md for the measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.conditioning import Conditioner
from drsn.model.errors import BadDataError
from drsn.model.noise import add_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe

GROUPS = 8
"""Parts of a batch; the windows of one share their noise and change of speed, and so one FFT."""

EQUALISER_POINTS = 9


@dataclass(frozen=True)
class Batch:
    """float32[batch, channels, window], conditioned, and the labels' indices, int64[batch]."""

    samples: NDArray[np.float32]
    label: NDArray[np.int64]


class Augmenter:
    """Draws batches; the same generator state draws the same batches.

    Labels are drawn evenly, then recordings, then places.

    Raises:
        BadDataError: a recording is shorter than a window at the highest speed.
    """

    def __init__(self, recordings: Sequence[Recording], recipe: Recipe, rng: np.random.Generator) -> None:
        self._signal = recipe.signal
        self._settings = recipe.augmentation
        self._batch = recipe.optimisation.batch
        self._rng = rng
        self._by_label = [[r for r in recordings if r.label == name] for name in recipe.label_names]
        for recording in recordings:
            window_s = self._signal.window / self._signal.sample_rate_hz * (1 + self._settings.speed)
            if recording.n_samples < round(window_s * recording.sample_rate_hz):
                raise BadDataError(f"recording {recording.name}: shorter than a window of {window_s:.3g} s; give more")

    def draw(self) -> Batch:
        """The next batch."""
        signal, rng = self._signal, self._rng
        samples = np.empty((self._batch, signal.channels, signal.window), np.float32)
        label = rng.integers(len(self._by_label), size=self._batch)
        for group in np.array_split(np.arange(self._batch), GROUPS):
            samples[group] = self._group(label[group])
        return Batch(samples, label)

    def _group(self, label: NDArray[np.int64]) -> NDArray[np.float32]:
        signal, settings, rng = self._signal, self._settings, self._rng
        chosen = [self._by_label[index][rng.integers(len(self._by_label[index]))] for index in label]
        rates = {recording.sample_rate_hz for recording in chosen}
        assert len(rates) == 1, "loaders bring a data set to one rate"
        # A window of other length, taken for one of the model's duration, is the machine at another speed.
        change = 1 + rng.uniform(-settings.speed, settings.speed)
        native = round(signal.window * rates.pop() / signal.sample_rate_hz * change)
        samples = np.stack([_cut(recording, native, rng) for recording in chosen])
        samples = equalise(samples, settings.equaliser_db, rng)
        noise = settings.noises[rng.integers(len(settings.noises))]
        snr_db = rng.uniform(*settings.snr_db, size=(len(chosen), 1, 1))
        snr_db[rng.uniform(size=len(chosen)) < settings.clean_share] = np.inf
        samples = add_noise(samples, snr_db.astype(np.float32), noise, rng)
        out = np.empty((*samples.shape[:-1], signal.window), np.float32)
        rate_hz = native / signal.window * signal.sample_rate_hz
        Conditioner(signal.window, signal.sample_rate_hz, signal.bandwidth_hz, rate_hz)(samples, out)
        return out


def _cut(recording: Recording, native: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A window at a random place, upside down half of the time: a sensor may be mounted either way round."""
    start = rng.integers(recording.n_samples - native + 1)
    window = recording.samples[:, start : start + native]
    return window if rng.integers(2) else -window


def equalise(samples: NDArray[np.float32], sigma_db: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Give each window another transmission path: a random gain curve through nine points in dB.

    float32[n, channels, window] to the same shape. Points are evenly spaced up to the Nyquist frequency.
    """
    spectrum = np.fft.rfft(samples, axis=-1)
    bins = spectrum.shape[-1]
    points_db = rng.normal(0.0, sigma_db, (len(samples), EQUALISER_POINTS)).astype(np.float32)
    at = np.linspace(0, EQUALISER_POINTS - 1, bins, dtype=np.float32)
    left = np.minimum(at.astype(np.intp), EQUALISER_POINTS - 2)
    part = at - left
    curve_db = points_db[:, left] * (1 - part) + points_db[:, left + 1] * part
    spectrum *= np.power(np.float32(10), curve_db / np.float32(20))[:, np.newaxis]
    return np.fft.irfft(spectrum, n=samples.shape[-1], axis=-1).astype(np.float32, copy=False)
