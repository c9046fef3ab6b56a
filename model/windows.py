"""Recordings to conditioned windows for validation and test: no overlap, no augmentation but the requested noise."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.conditioning import Conditioner, native_window
from drsn.model.errors import BadDataError
from drsn.model.noise import Noise, add_noise
from drsn.model.shaft_angle import shaft_angle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Augmentation, Recipe


@dataclass(frozen=True)
class Disturbance:
    """Noise added to each window before conditioning; None for both adds nothing."""

    noise: Noise | None = None
    snr_db: float | None = None

    def __call__(self, native: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """float32[n, channels, native] with the noise added; the same array if there is none."""
        if self.noise is None or self.snr_db is None:
            return native
        return add_noise(native, self.snr_db, self.noise, rng)


@dataclass(frozen=True)
class NoiseMix:
    """The noise of augmentation: for each window one kind and one SNR, drawn uniformly, or none (`clean_share`)."""

    noises: tuple[Noise, ...]
    snr_db: tuple[float, float]
    clean_share: float

    @classmethod
    def of(cls, augmentation: Augmentation) -> NoiseMix:
        """The noise of a recipe's augmentation."""
        return cls(augmentation.noises, augmentation.snr_db, augmentation.clean_share)

    def __call__(self, native: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """float32[n, channels, native] with noise added."""
        kind = rng.integers(len(self.noises), size=len(native))
        snr_db = rng.uniform(*self.snr_db, size=(len(native), 1, 1))
        snr_db[rng.uniform(size=len(native)) < self.clean_share] = np.inf
        noisy = np.empty_like(native)
        for index, noise in enumerate(self.noises):
            of_it = kind == index
            noisy[of_it] = add_noise(native[of_it], snr_db[of_it], noise, rng)
        return noisy


@dataclass(frozen=True)
class LabelledWindows:
    """Conditioned windows: `samples` float32[n, channels, window].

    int64[n] each: `label`, `recording` (index of its recording) and `place` (index in that recording).
    """

    samples: NDArray[np.float32]
    label: NDArray[np.int64]
    recording: NDArray[np.int64]
    place: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Sequence[LabelledWindows]) -> LabelledWindows:
        """Concatenate several sets of windows."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def framed(recording: Recording, native: int) -> NDArray[np.float32]:
    """Cut a recording into adjacent windows: float32[n, channels, native]; the remainder is dropped."""
    count = recording.n_samples // native
    cut = recording.samples[:, : count * native]
    frames: NDArray[np.float32] = cut.reshape(cut.shape[0], count, native).transpose(1, 0, 2)
    return frames


def windows_of(
    recordings: Sequence[Recording], recipe: Recipe, disturbance: Disturbance | NoiseMix, seed: int | Sequence[int]
) -> LabelledWindows:
    """Frame, disturb and condition every recording; the same seed draws the same noise.

    Raises:
        BadDataError: no recording is as long as a window.
    """
    rng = np.random.default_rng(seed)
    signal = recipe.signal
    parts = []
    for number, recording in enumerate(recordings):
        native = framed(recording, native_window(signal.window, recording.sample_rate_hz, signal.sample_rate_hz))
        native = disturbance(native, rng)
        condition = Conditioner(signal.window, signal.sample_rate_hz, signal.bandwidth_hz, recording.sample_rate_hz)
        out = np.empty((len(native), signal.input_channels, signal.window), np.float32)
        condition(native, out[:, : signal.channels])
        if signal.domain == "order":
            out[:, -1] = shaft_angle([recording.rpm or np.nan], signal.window, signal.sample_rate_hz)
        label = recipe.label_names.index(recording.label)
        parts.append(LabelledWindows(out, np.full(len(out), label), np.full(len(out), number), np.arange(len(out))))
    windows = LabelledWindows.joined(parts)
    if not len(windows.samples):
        raise BadDataError(f"recipe {recipe.name}: no recording is as long as one window; give longer ones")
    return windows
