"""The effect of a fine-tuning: accuracy before and after it, on the same windows of held-out recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.evaluate import disturbances, features
from drsn.model.windows import windows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe
    from drsn.model.training.pretrained import PretrainedModel
    from drsn.model.windows import Disturbance


@dataclass(frozen=True)
class AccuracyChange:
    """Accuracy before (the pretrained bundle) and after (the fine-tuned model), at one noise and SNR; 0 to 1."""

    noise: str | None
    snr_db: float | None
    windows: int
    before: float
    after: float


@dataclass(frozen=True)
class RecordingChange:
    """Accuracy before and after on one recording, without added noise; 0 to 1."""

    name: str
    label: str
    windows: int
    before: float
    after: float


@dataclass(frozen=True)
class FineTuningComparison:
    """Accuracies on test recordings of the labels that both models have under one name; others can't be compared."""

    labels: tuple[str, ...]
    cells: tuple[AccuracyChange, ...]
    recordings: tuple[RecordingChange, ...]


def compare(
    pretrained: PretrainedModel, checkpoint: Checkpoint, recipe: Recipe, recordings: Sequence[Recording]
) -> FineTuningComparison:
    """Compare without added noise, and under each noise at the SNR nearest to 0 dB."""
    labels = pretrained.shared_labels(recipe)
    held_out = [recording for recording in recordings if recording.label in labels]
    if not held_out:
        return FineTuningComparison(labels, (), ())
    models = ((pretrained.network(), pretrained.label_names), (checkpoint.build().network, recipe.label_names))
    cells = []
    of_recordings: tuple[RecordingChange, ...] = ()
    for disturbance in _shown(recipe):
        windows = windows_of(held_out, recipe, disturbance, recipe.seed)
        true = np.array(recipe.label_names)[windows.label]
        before, after = (
            np.array(names)[features(network, windows.samples)[0].argmax(axis=1)] == true for network, names in models
        )
        noise = disturbance.noise and disturbance.noise.value
        cells.append(AccuracyChange(noise, disturbance.snr_db, len(true), float(before.mean()), float(after.mean())))
        if disturbance.noise is None:
            of_recordings = _by_recording(held_out, windows.recording, before, after)
    return FineTuningComparison(labels, tuple(cells), of_recordings)


def _shown(recipe: Recipe) -> list[Disturbance]:
    """The noises and SNRs to compare at; without added noise first."""
    nearest = min(recipe.evaluation.snr_db, key=abs, default=None)
    return [cell for cell in disturbances(recipe.evaluation) if cell.snr_db in (None, nearest)]


def _by_recording(
    recordings: Sequence[Recording], index: NDArray[np.int64], before: NDArray[np.bool_], after: NDArray[np.bool_]
) -> tuple[RecordingChange, ...]:
    rows = []
    for number, recording in enumerate(recordings):
        of_it = index == number
        if of_it.any():  # not of one shorter than a window
            shares = (float(before[of_it].mean()), float(after[of_it].mean()))
            rows.append(RecordingChange(recording.name, recording.label, int(of_it.sum()), *shares))
    return tuple(rows)
