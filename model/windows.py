"""Recordings to conditioned windows, for validation and test: no overlap, no augmentation but the noise asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.conditioning import Conditioner, native_window
from drsn.model.errors import BadDataError
from drsn.model.noise import Noise, add_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    signal = recipe.signal
    samples, label, index = [], [], []
    for number, recording in enumerate(recordings):
        native = framed(recording, native_window(signal.window, recording.sample_rate_hz, signal.sample_rate_hz))
        if disturbance.noise is not None and disturbance.snr_db is not None:
            native = add_noise(native, disturbance.snr_db, disturbance.noise, rng)
        condition = Conditioner(signal.window, signal.sample_rate_hz, signal.bandwidth_hz, recording.sample_rate_hz)
        out = np.empty((*native.shape[:-1], signal.window), np.float32)
        condition(native, out)
        samples.append(out)
        label.append(np.full(len(out), recipe.label_names.index(recording.label)))
        index.append(np.full(len(out), number))
    windows = Windows(np.concatenate(samples), np.concatenate(label), np.concatenate(index))
    if not len(windows.samples):
        raise BadDataError(f"recipe {recipe.name}: no recording is as long as one window; give longer ones")
    return windows
