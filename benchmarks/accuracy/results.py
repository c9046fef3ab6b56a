"""Statistics of the cells: macro recalls, and paired differences with intervals over recordings and over seeds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from drsn.model.noise import PAPER_NOISES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CellResult = dict[str, Any]
PAPER = tuple(noise.value for noise in PAPER_NOISES)
RESAMPLES = 2000


def read_cells(folder: Path) -> list[CellResult]:
    """Read every measured cell in a folder."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def grouped(cells: Iterable[CellResult]) -> dict[tuple[str, str], list[CellResult]]:
    """Group cells by (protocol, contestant), sorted."""
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for cell in cells:
        groups.setdefault((cell["rung"], cell["contestant"]), []).append(cell)
    return dict(sorted(groups.items()))


def levels_of(cell: CellResult) -> list[float | None]:
    """The SNRs of the cell in dB, rising; None (without added noise) comes last."""
    return [*sorted({row["snr_db"] for row in cell["rows"]} - {None}), None]


def shares(cell: CellResult, snr_db: float | None, noises: Sequence[str] = PAPER) -> dict[str, tuple[str, float]]:
    """Recording -> its label, and the accuracy on its windows, 0 to 1; mean over the noises."""
    found: dict[str, list[tuple[str, float]]] = {}
    for row in cell["rows"]:
        if row["snr_db"] == snr_db and (snr_db is None or row["noise"] in noises):
            for name, entry in row["recordings"].items():
                right = entry["named"][cell["labels"].index(entry["label"])] / sum(entry["named"])
                found.setdefault(name, []).append((entry["label"], right))
    return {name: (parts[0][0], float(np.mean([right for _, right in parts]))) for name, parts in found.items()}


def macro_recall(cell: CellResult, snr_db: float | None, noises: Sequence[str] = PAPER) -> float:
    """Mean over the labels of the mean over their recordings; recordings have one length, except normal ones.

    NaN if this was not measured.
    """
    by_label: dict[str, list[float]] = {}
    for label, right in shares(cell, snr_db, noises).values():
        by_label.setdefault(label, []).append(right)
    return float(np.mean([np.mean(values) for values in by_label.values()])) if by_label else float("nan")


class Difference(NamedTuple):
    """Difference of two contestants, paired by seed and recording, as shares of 1; NaN if nothing pairs."""

    mean: float
    low: float
    """2.5th percentile of a bootstrap over recordings."""
    high: float
    """97.5th percentile of the bootstrap."""
    by_seeds: float
    """Half the width of Student's 95 % interval over the seeds; NaN with one seed."""


def difference(
    ours: Iterable[CellResult], theirs: Iterable[CellResult], snr_db: float | None, noises: Sequence[str] = PAPER
) -> Difference:
    """How far `ours` is ahead of `theirs`. Recordings are resampled: windows of one are not independent."""
    other = {(cell["rung"], cell["seed"]): shares(cell, snr_db, noises) for cell in theirs}
    by_recording: dict[tuple[str, str], list[float]] = {}
    by_seed: dict[int, list[float]] = {}
    for cell in ours:
        paired = other.get((cell["rung"], cell["seed"]), {})
        for name, (_, right) in shares(cell, snr_db, noises).items() if paired else ():
            by_recording.setdefault((cell["rung"], name), []).append(right - paired[name][1])
            by_seed.setdefault(cell["seed"], []).append(right - paired[name][1])
    values: NDArray[np.float64] = np.array([np.mean(parts) for parts in by_recording.values()])
    if not values.size:
        return Difference(*(float("nan"),) * 4)
    rng = np.random.default_rng(0)
    means = values[rng.integers(values.size, size=(RESAMPLES, values.size))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    by_seeds = half_interval([float(np.mean(parts)) for parts in by_seed.values()])
    return Difference(float(values.mean()), float(low), float(high), by_seeds)


def half_interval(values: Sequence[float]) -> float:
    """Half the width of Student's 95 % interval of the mean of independent values; NaN of fewer than two."""
    from scipy.stats import t  # noqa: PLC0415 (slow to import)

    if len(values) < 2:
        return float("nan")
    return float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)
