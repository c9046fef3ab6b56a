"""Draws `accuracy.png`: test accuracy over SNR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.report.canvas import canvas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from drsn.model.evaluate import Score


def accuracy_figure(scores: Sequence[Score]) -> Figure:
    """Accuracy over SNR, a line for each noise, and the level of the clean test set."""
    figure = canvas(6, 4)
    axes = figure.subplots()
    axes.set_xticks(sorted({score.snr_db for score in scores if score.snr_db is not None}))
    for noise in dict.fromkeys(score.noise for score in scores if score.noise):
        cells = [(s.snr_db, 100 * s.accuracy) for s in scores if s.noise == noise and s.snr_db is not None]
        axes.plot(*zip(*cells, strict=True), marker="o", label=noise)
    axes.axhline(100 * scores[0].accuracy, color="grey", linestyle="--", label="as recorded")
    axes.set(xlabel="SNR, dB", ylabel="test accuracy, %", ylim=(0, 102))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
