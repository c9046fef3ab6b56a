"""From cells to numbers: accuracies, macro recalls, and paired differences with a bootstrap over recordings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.noise import PAPER_NOISES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Cell = dict[str, Any]
PAPER = tuple(noise.value for noise in PAPER_NOISES)
RESAMPLES = 2000


def read_cells(folder: Path) -> list[Cell]:
    """Every cell that has been measured."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def shares(cell: Cell, snr_db: float | None, noises: Sequence[str] = PAPER) -> dict[str, tuple[str, float]]:
    """Recording -> its label, and the share of its windows that were named right; mean over the noises."""
    found: dict[str, list[tuple[str, float]]] = {}
    for row in cell["rows"]:
        if row["snr_db"] == snr_db and (snr_db is None or row["noise"] in noises):
            for name, entry in row["recordings"].items():
                right = entry["named"][cell["labels"].index(entry["label"])] / sum(entry["named"])
                found.setdefault(name, []).append((entry["label"], right))
    return {name: (parts[0][0], float(np.mean([right for _, right in parts]))) for name, parts in found.items()}


def macro_recall(cell: Cell, snr_db: float | None, noises: Sequence[str] = PAPER) -> float:
    """Mean over the labels of the mean over their recordings; recordings are of one length, but for normal."""
    by_label: dict[str, list[float]] = {}
    for label, right in shares(cell, snr_db, noises).values():
        by_label.setdefault(label, []).append(right)
    return float(np.mean([np.mean(values) for values in by_label.values()]))


def difference(
    ours: Iterable[Cell], theirs: Iterable[Cell], snr_db: float | None, noises: Sequence[str] = PAPER
) -> tuple[float, float, float]:
    """Mean difference of accuracy over recordings and paired seeds; 2.5 and 97.5 % of a bootstrap over recordings."""
    other = {(cell["rung"], cell["seed"]): shares(cell, snr_db, noises) for cell in theirs}
    by_recording: dict[tuple[str, str], list[float]] = {}
    for cell in ours:
        paired = other.get((cell["rung"], cell["seed"]))
        if paired is not None:
            for name, (_, right) in shares(cell, snr_db, noises).items():
                by_recording.setdefault((cell["rung"], name), []).append(right - paired[name][1])
    values: NDArray[np.float64] = np.array([np.mean(parts) for parts in by_recording.values()])
    if not values.size:
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(0)
    means = values[rng.integers(values.size, size=(RESAMPLES, values.size))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)
