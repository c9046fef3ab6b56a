"""What a person reads after a training: metrics, two pictures, a table."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.errors import StorageError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.evaluate import Score


def metrics_of(checkpoint: Checkpoint, scores: Sequence[Score]) -> dict[str, Any]:
    """The JSON document: identity, training, and every score with its confusion matrix."""
    return {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "seed": checkpoint.training.seed,
        "data_sha256": checkpoint.training.data_sha256,
        "labels": [label.name for label in checkpoint.contract.labels],
        "temperature": checkpoint.temperature,
        "abstention_threshold": checkpoint.contract.abstention_threshold,
        **checkpoint.training.metrics,
        "test": [asdict(score) for score in scores],
    }


def table(scores: Sequence[Score]) -> str:
    """Test accuracy in per cent: a line for each SNR, a column for each noise."""
    noises = list(dict.fromkeys(score.noise for score in scores if score.noise))
    cell = {(score.noise, score.snr_db): score.accuracy for score in scores}
    lines = [f"{'SNR':>8}  " + "".join(f"{noise:>11}" for noise in noises)]
    lines.append(f"{'clean':>8}  {100 * cell[None, None]:11.1f}")
    lines += [
        f"{snr_db:+5g} dB  " + "".join(f"{100 * cell[noise, snr_db]:11.1f}" for noise in noises)
        for snr_db in dict.fromkeys(score.snr_db for score in scores if score.snr_db is not None)
    ]
    return "\n".join(lines)


def write(folder: Path, checkpoint: Checkpoint, scores: Sequence[Score]) -> None:
    """Write `metrics.json`, `accuracy.png` and `confusion.png`.

    Raises:
        StorageError: the folder can't be written.
        UnavailableError: matplotlib is not installed.
    """
    document = json.dumps(metrics_of(checkpoint, scores), indent=1)
    try:
        (folder / "metrics.json").write_text(document + "\n", encoding="utf-8")
        accuracy_figure(scores).savefig(folder / "accuracy.png", dpi=150)
        confusion_figure(checkpoint, scores).savefig(folder / "confusion.png", dpi=150)
    except OSError as error:
        raise StorageError(f"report in {folder}: can't write it ({error}); check the folder") from error


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 (slow to import; a plain evaluation draws nothing)
    except ImportError as error:
        raise UnavailableError("report: matplotlib is missing; pip install 'drsn-edge[train]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def accuracy_figure(scores: Sequence[Score]) -> Figure:
    """Accuracy over SNR, a line for each noise, and the level of the clean test set."""
    figure = _figure(6, 4)
    axes = figure.subplots()
    for noise in dict.fromkeys(score.noise for score in scores if score.noise):
        cells = [(s.snr_db, 100 * s.accuracy) for s in scores if s.noise == noise and s.snr_db is not None]
        axes.plot(*zip(*cells, strict=True), marker="o", label=noise)
    axes.axhline(100 * scores[0].accuracy, color="grey", linestyle="--", label="as recorded")
    axes.set(xlabel="SNR, dB", ylabel="test accuracy, %", ylim=(0, 102))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def confusion_figure(checkpoint: Checkpoint, scores: Sequence[Score]) -> Figure:
    """Two matrices in per cent of the true label: as recorded, and all noises at 0 dB (or the SNR nearest to it)."""
    nearest = min((score.snr_db for score in scores if score.snr_db is not None), key=abs, default=None)
    panels = [("as recorded", [scores[0]])]
    if nearest is not None:
        panels.append((f"{nearest:g} dB, all noises", [score for score in scores if score.snr_db == nearest]))
    names = [label.name for label in checkpoint.contract.labels]
    figure = _figure(6.5 * len(panels), 6)
    for axes, (title, cells) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        counts = np.sum([cell.confusion for cell in cells], axis=0)
        share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(share):
            if value >= 0.5:
                axes.text(
                    column, row, f"{value:.0f}", ha="center", va="center", fontsize=7,
                    color="white" if value > 50 else "black",
                )  # fmt: skip
        axes.set(title=title, xlabel="named", ylabel="true")
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
    return figure
