"""Recordings to conditioned windows, for validation and test: no overlap, no augmentation but the noise asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.conditioning import Conditioner, native_window
from drsn.model.errors import BadDataError
from drsn.model.noise import Noise, add_noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe


@dataclass(frozen=True)
class Disturbance:
    """Noise added to each window before conditioning; None for both is as recorded."""

    noise: Noise | None = None
    snr_db: float | None = None


@dataclass(frozen=True)
class Windows:
    """`samples` float32[n, channels, window]; of each window its label's index and its recording's: int64[n]."""

    samples: NDArray[np.float32]
    label: NDArray[np.int64]
    recording: NDArray[np.int64]


def framed(recording: Recording, native: int) -> NDArray[np.float32]:
    """Whole windows side by side: float32[n, channels, native]; what is left at the end is dropped."""
    count = recording.n_samples // native
    cut = recording.samples[:, : count * native]
    frames: NDArray[np.float32] = cut.reshape(cut.shape[0], count, native).transpose(1, 0, 2)
    return frames


def windows_of(recordings: Sequence[Recording], recipe: Recipe, disturbance: Disturbance, seed: int) -> Windows:
    """Frame, disturb and condition every recording.

    Raises:
        BadDataError: no recording is as long as a window.
    """
    rng = np.random.default_rng(seed)

    def disturb(native: NDArray[np.float32]) -> NDArray[np.float32]:
        if disturbance.noise is None or disturbance.snr_db is None:
            return native
        return add_noise(native, disturbance.snr_db, disturbance.noise, rng)

    return _windows(recordings, recipe, disturb)


def mixed_windows_of(recordings: Sequence[Recording], recipe: Recipe, rounds: int, seed: int) -> Windows:
    """Every window `rounds` times, each time under the noise, the SNR and the share of clean ones of training.

    Raises:
        BadDataError: no recording is as long as a window.
    """
    rng = np.random.default_rng(seed)
    mix = recipe.augmentation

    def disturb(native: NDArray[np.float32]) -> NDArray[np.float32]:
        noise = mix.noises[rng.integers(len(mix.noises))]
        snr_db = rng.uniform(*mix.snr_db, size=(len(native), 1, 1))
        snr_db[rng.uniform(size=len(native)) < mix.clean_share] = np.inf
        return add_noise(native, snr_db.astype(np.float32), noise, rng)

    sets = [_windows(recordings, recipe, disturb) for _ in range(rounds)]
    return Windows(
        np.concatenate([s.samples for s in sets]),
        np.concatenate([s.label for s in sets]),
        np.concatenate([s.recording for s in sets]),
    )


def _windows(
    recordings: Sequence[Recording], recipe: Recipe, disturb: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> Windows:
    signal = recipe.signal
    samples, label, index = [], [], []
    for number, recording in enumerate(recordings):
        rate_hz = recording.sample_rate_hz
        native = disturb(framed(recording, native_window(signal.window, rate_hz, signal.sample_rate_hz)))
        out = np.empty((*native.shape[:-1], signal.window), np.float32)
        Conditioner(signal.window, signal.sample_rate_hz, signal.bandwidth_hz, rate_hz)(native, out)
        samples.append(out)
        label.append(np.full(len(out), recipe.label_names.index(recording.label)))
        index.append(np.full(len(out), number))
    windows = Windows(np.concatenate(samples), np.concatenate(label), np.concatenate(index))
    if not len(windows.samples):
        raise BadDataError(f"recipe {recipe.name}: no recording is as long as one window; give longer ones")
    return windows
