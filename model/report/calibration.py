"""Draws `calibration.png`: reliability diagrams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.model.report.canvas import canvas
from drsn.model.report.reliability import BINS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from drsn.model.report.reliability import Diagram

MANY = 20
"""Least windows of a bin that is drawn: with 20, a difference of a tenth is chance."""


def calibration_figure(rows: Sequence[Sequence[Diagram]]) -> Figure:
    """Reliability diagrams, each above the counts of its bins."""
    columns = max(map(len, rows))
    figure = canvas(4.6 * columns, 4.4 * len(rows))
    grid = figure.add_gridspec(2 * len(rows), columns, height_ratios=[3, 1] * len(rows))
    for number, row in enumerate(rows):
        for column, diagram in enumerate(row):
            above = figure.add_subplot(grid[2 * number, column])
            below = figure.add_subplot(grid[2 * number + 1, column], sharex=above)
            _draw(above, below, diagram)
    return figure


def _draw(above: Axes, below: Axes, diagram: Diagram) -> None:
    width = 100 / BINS
    middle = width * (np.arange(BINS) + 0.5)
    seen = diagram.count > 0
    above.plot([0, 100], [0, 100], color="grey", linestyle="--", label="as sure as right")
    above.bar(middle[seen], 100 * diagram.accuracy[seen], 0.92 * width, color="tab:blue", alpha=0.4)
    for kind, fill, of_kind in (
        (f"{MANY} windows or more", "tab:blue", diagram.count >= MANY),
        ("fewer", "white", seen & (diagram.count < MANY)),
    ):
        if of_kind.any():  # the layout fails on a line without points
            at = (100 * diagram.confidence[of_kind], 100 * diagram.accuracy[of_kind])
            above.plot(*at, "o", color="tab:blue", markerfacecolor=fill, label=kind, clip_on=False)
    above.set(
        title=f"{diagram.title}: ECE {100 * diagram.error:.1f} %",
        xlim=(0, 100), ylim=(0, 100), ylabel="named right, %",
    )  # fmt: skip
    above.grid(alpha=0.3)
    above.tick_params(labelbottom=False)
    above.legend(loc="upper left", fontsize=8)
    bars = below.bar(middle[seen], diagram.count[seen], 0.92 * width, color="grey")
    below.bar_label(bars, fontsize=7)
    below.set_yscale("log")
    below.set(xlabel="probability of the named label, %", ylabel="windows", ylim=(0.7, 6 * diagram.count.max()))
