"""Figures of the cells: effect of the block, effect of the recipe, and the learned thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accuracy.results import grouped, levels_of, macro_recall
from accuracy.tables import DECIDING_PROTOCOLS
from drsn.model.errors import StorageError
from drsn.model.report.canvas import canvas

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from accuracy.results import CellResult

BLOCK = ("convnet", "resnet", "senet", "drsn_cs", "drsn_cw")
RECIPE = (
    "logistic_regression",
    "random_forest",
    "wdcnn",
    "paper_resnet",
    "paper_drsn_cw",
    "drsn_cw",
    "shipped_resnet",
    "shipped",
)
SHRINKING = ("drsn_cw", "shipped")


def draw(cells: Sequence[CellResult], folder: Path) -> None:
    """Write `block.png`, `recipe.png` and `thresholds.png`.

    Raises:
        StorageError: a file can't be written.
        UnavailableError: matplotlib is not installed.
    """
    figures = {
        "block": accuracy_figure(cells, BLOCK, "one recipe, five blocks"),
        "recipe": accuracy_figure(cells, RECIPE, "baselines, other networks, and the shipped recipe"),
        "thresholds": threshold_figure(cells),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror or error}") from error


def accuracy_figure(cells: Sequence[CellResult], contestants: Sequence[str], title: str) -> Figure:
    """Macro recall over SNR, a panel for each deciding protocol; the bands span the seeds."""
    figure, groups = canvas(11, 4.5), grouped(cells)
    for axes, protocol in zip(
        figure.subplots(1, len(DECIDING_PROTOCOLS), sharey=True), DECIDING_PROTOCOLS, strict=True
    ):
        for contestant in contestants:
            if found := groups.get((protocol, contestant)):
                _line(axes, found, contestant)
        axes.set(title=protocol, xlabel="SNR, dB (mean of Gaussian, Laplacian, pink)", ylabel="macro recall, %")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=8)
    figure.suptitle(title)
    return figure


def _line(axes: Axes, cells: Sequence[CellResult], label: str) -> None:
    levels = [level for level in levels_of(cells[0]) if level is not None]
    recalls = 100 * np.array([[macro_recall(cell, level) for level in levels] for cell in cells])
    (line,) = axes.plot(levels, recalls.mean(axis=0), marker="o", markersize=3, label=f"{label} ({len(cells)} seeds)")
    axes.fill_between(levels, recalls.min(axis=0), recalls.max(axis=0), color=line.get_color(), alpha=0.15)


def threshold_figure(cells: Sequence[CellResult], protocol: str = DECIDING_PROTOCOLS[0]) -> Figure:
    """Learned factor alpha and threshold tau of each unit over the SNR of Gaussian noise, a line for each seed."""
    figure = canvas(11, 6)
    panels = figure.subplots(len(SHRINKING), 2, sharex=True)
    for row, contestant in zip(panels, SHRINKING, strict=True):
        for cell in grouped(cells).get((protocol, contestant), []):
            measured = [entry for entry in cell["thresholds"] if entry["snr_db"] is not None]
            levels = [entry["snr_db"] for entry in measured]
            for unit in range(len(measured[0]["units"])):
                for axes, key in zip(row, ("alpha", "tau"), strict=True):
                    label = f"unit {unit + 1}" if cell["seed"] == 1 else None
                    values = [entry["units"][unit][key] for entry in measured]
                    axes.plot(levels, values, color=f"C{unit}", marker="o", markersize=3, alpha=0.7, label=label)
        for axes, name in zip(row, (r"$\alpha$", r"$\tau = \alpha \cdot$ mean $|x|$"), strict=True):
            axes.set(title=f"{contestant}, {protocol}", ylabel=name)
            axes.grid(alpha=0.3)
            if axes.lines:
                axes.legend(fontsize=8)
    for axes in panels[-1]:
        axes.set_xlabel("SNR of Gaussian noise, dB")
    return figure
