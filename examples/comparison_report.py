"""What the examples print and save: a table of accuracies, the differences between families, and a figure."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import stdtrit

from drsn.model.network import Family
from drsn.model.report.canvas import canvas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from comparison import Result, Task
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

SHRINKING = (Family.DRSN_CW.value, Family.DRSN_CS.value)
PLAIN = (Family.RESNET.value, Family.SENET.value)


def document_of(task: Task, results: Sequence[Result], steps: int, seconds: float) -> dict[str, Any]:
    """All that was measured, as a JSON object; `seconds` is the wall time."""
    families = list(dict.fromkeys(result.family for result in results))
    pairs = [(one, other) for one in SHRINKING for other in PLAIN if {one, other} <= set(families)]
    return {
        "task": task.name,
        "labels": task.labels,
        "test_samples": len(next(iter(task.tests.values()))[1]),
        "levels_db": list(task.tests),
        "steps": steps,
        "seconds": round(seconds),
        "machine": {
            "cpu": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "results": [asdict(result) for result in results],
        "differences": [difference(results, one, other) for one, other in pairs],
    }


def difference(results: Sequence[Result], family: str, other: str) -> dict[str, Any]:
    """Accuracy of `family` less that of `other`, in points: mean over levels, seed by seed, with its 95 % interval.

    Student's t over the seeds; None with one seed, which shows no spread.
    """
    points = 100 * (accuracies(results, family) - accuracies(results, other)).mean(axis=1)
    low, high = None, None
    if len(points) > 1:
        half = float(stdtrit(len(points) - 1, 0.975) * points.std(ddof=1) / np.sqrt(len(points)))
        low, high = float(points.mean()) - half, float(points.mean()) + half
    return {"family": family, "other": other, "points": float(points.mean()), "low": low, "high": high}


def accuracies(results: Sequence[Result], family: str) -> NDArray[np.float64]:
    """Accuracies of a family: float64[seeds, levels], 0 to 1."""
    return np.array([result.accuracy for result in results if result.family == family])


def print_document(document: dict[str, Any], results: Sequence[Result]) -> None:
    """Print accuracies as mean and standard deviation over seeds, then the differences and what they show."""
    families = list(dict.fromkeys(result.family for result in results))
    seeds = len({result.seed for result in results})
    print(f"\n{document['task']}: accuracy in %, mean ± standard deviation of the seeds ({seeds})")
    chance = 100 / len(document["labels"])
    print(f"{document['steps']} steps, {document['test_samples']} test samples a level, chance {chance:.0f} %\n")
    print(" | ".join(["family ", "weights", *(f"{name:>11}" for name in level_names(document)), "mean of all"]))
    for family in families:
        percent = 100 * accuracies(results, family)
        columns = [*percent.T, percent.mean(axis=1)]
        cells = [f"{c.mean():5.1f} ± {c.std(ddof=1):3.1f}" if seeds > 1 else f"{c.mean():11.1f}" for c in columns]
        weights = next(result.parameters for result in results if result.family == family)
        print(" | ".join([f"{family:7}", f"{weights:7}", *cells]))
    print("\nmean of all levels, seed by seed, in points:")
    for entry in document["differences"]:
        print(f"{entry['family']} against {entry['other']}: {entry['points']:+.1f}, {verdict(entry, seeds)}")


def verdict(entry: dict[str, Any], seeds: int) -> str:
    """What a difference shows."""
    if entry["low"] is None:
        return "one seed: no interval"
    shown = "better" if entry["low"] > 0 else "worse" if entry["high"] < 0 else f"{seeds} seeds show no difference"
    return f"95 % interval {entry['low']:+.1f} to {entry['high']:+.1f}: {shown}"


def level_names(document: dict[str, Any]) -> list[str]:
    """The levels as texts."""
    return ["clean" if level is None else f"{level:+.0f} dB" for level in document["levels_db"]]


def figure_of(document: dict[str, Any], results: Sequence[Result]) -> Figure:
    """Accuracy of each family, with the range of the seeds, and the mean factor alpha of each shrinkage unit."""
    shrinking = list(dict.fromkeys(result.family for result in results if result.alpha))
    figure = canvas(4.5 * (1 + len(shrinking)), 4.2)
    accuracy, *thresholds = figure.subplots(1, 1 + len(shrinking))
    places = np.arange(len(document["levels_db"]))
    for family in dict.fromkeys(result.family for result in results):
        percent = 100 * accuracies(results, family)
        (line,) = accuracy.plot(places, percent.mean(axis=0), marker="o", markersize=3, label=family)
        accuracy.fill_between(places, percent.min(axis=0), percent.max(axis=0), color=line.get_color(), alpha=0.15)
    accuracy.set(title=document["task"].replace("_", " "), ylabel="accuracy, %")
    for axes, family in zip(thresholds, shrinking, strict=True):
        alpha = np.array([result.alpha for result in results if result.family == family])  # [seeds, levels, units]
        for unit in range(alpha.shape[2]):
            (line,) = axes.plot(
                places, alpha[..., unit].mean(axis=0), marker="o", markersize=3, label=f"unit {unit + 1}"
            )
            low, high = alpha[..., unit].min(axis=0), alpha[..., unit].max(axis=0)
            axes.fill_between(places, low, high, color=line.get_color(), alpha=0.15)
        axes.set(title=f"{family}: threshold / mean |x|", ylabel=r"$\alpha$")
    for axes in (accuracy, *thresholds):
        axes.set_xticks(places, level_names(document))
        axes.set_xlabel("signal over noise")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure
