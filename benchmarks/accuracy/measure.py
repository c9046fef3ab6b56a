"""Accuracy over noises, SNRs and draws, counted by recording so that differences can be bootstrapped over recordings.

Conditioning is linear: window and noise are conditioned separately and then added at each SNR; the SNR refers to
the signals before conditioning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.conditioning import Conditioner, native_window
from drsn.model.noise import Noise, ac_power, unit_noise
from drsn.model.windows import framed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accuracy.grid_plan import MeasurementSpec
    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe

    Classifier = Callable[[NDArray[np.float32]], NDArray[np.int64]]

TEST_SEED = 1_000_003
"""Differs from every training seed, and is the same for all contestants: they get the same noise."""


def measure(
    classifier: Classifier,
    recordings: Sequence[Recording],
    recipe: Recipe,
    asked: MeasurementSpec,
) -> list[dict[str, Any]]:
    """Return one row for the windows without added noise, and one for each noise at each SNR.

    Each row holds, by recording, its label and `named`: how often each label was predicted, over all windows and draws.
    """
    signal = recipe.signal
    rate_hz = recordings[0].sample_rate_hz
    native = native_window(signal.window, rate_hz, signal.sample_rate_hz)
    frames = [framed(recording, native) for recording in recordings]
    owner = np.repeat(np.arange(len(frames)), [len(f) for f in frames])
    raw = np.concatenate(frames)
    conditioner = Conditioner(signal.window, signal.sample_rate_hz, signal.bandwidth_hz, rate_hz)

    def conditioned(x: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.empty((*x.shape[:-1], signal.window), np.float32)
        conditioner(x, out)
        return out

    clean, strength = conditioned(raw), np.sqrt(ac_power(raw))
    names = recipe.label_names
    rows = [_row(None, None, [(owner, classifier(clean))], recordings, names)]
    for noise in asked.noises:
        found: dict[float, list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = {level: [] for level in asked.snr_db}
        for draw in range(asked.draws):
            rng = np.random.default_rng([TEST_SEED, draw, list(Noise).index(noise)])
            added = conditioned(unit_noise(noise, raw.shape, rng)) * strength
            for level in asked.snr_db:
                found[level].append((owner, classifier(clean + np.float32(10 ** (-level / 20)) * added)))
        rows += [_row(noise.value, level, found[level], recordings, names) for level in asked.snr_db]
    return rows


def _row(
    noise: str | None,
    snr_db: float | None,
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    recordings: Sequence[Recording],
    names: tuple[str, ...],
) -> dict[str, Any]:
    owner, named = (np.concatenate(part) for part in zip(*found, strict=True))
    counts = np.zeros((len(recordings), len(names)), np.int64)
    np.add.at(counts, (owner, named), 1)
    return {
        "noise": noise,
        "snr_db": snr_db,
        "recordings": {
            f"{r.group} {r.name}": {"label": r.label, "named": counts[index].tolist()}
            for index, r in enumerate(recordings)
        },
    }
