"""Draws `confusion.png`: confusion matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.model.report.canvas import canvas
from drsn.model.report.levels import levels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.evaluate import Score


def confusion_figure(checkpoint: Checkpoint, scores: Sequence[Score]) -> Figure:
    """Two matrices in per cent of the true label: without noise, and all noises at 0 dB (or the nearest SNR)."""
    levels = levels_of(scores)
    names = [label.name for label in checkpoint.contract.labels]
    figure = canvas(6.5 * len(levels), 6)
    for number, (axes, level) in enumerate(zip(figure.subplots(1, len(levels), squeeze=False)[0], levels, strict=True)):
        counts = np.sum([cell.confusion for cell in level.scores], axis=0)
        share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(share):
            if value >= 0.5:
                axes.text(
                    column, row, f"{value:.0f}", ha="center", va="center", fontsize=7,
                    color="white" if value > 50 else "black",
                )  # fmt: skip
        title = f"{level.name}, all noises" if number else level.name
        axes.set(title=f"{title}; % of the true label", xlabel="named", ylabel="true")
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
    return figure
