"""The accuracy targets of the shipped recipe, and the paper's figures beside ours on its protocol."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from accuracy.results import grouped, macro_recall
from accuracy.tables import markdown, name_of
from drsn.model.data import hit_sm
from drsn.model.protocols import SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accuracy.results import CellResult


class AccuracyTarget(NamedTuple):
    """The least macro recall, mean over protocols, of the shipped recipe, which may take 80 µs a window."""

    what: str
    protocols: tuple[str, ...]
    snr_db: float | None
    least: float


_LOAD = ("cwru-0-to-3",)
_SIZES = tuple(f"cwru-size-{size}" for size in SIZES)
_SPEEDS = tuple(f"hit_sm-{rig}-{rpm}" for rig in hit_sm.RIGS for rpm in hit_sm.SPEEDS_RPM)
TARGETS = (
    AccuracyTarget("0 → 3 hp", _LOAD, 10.0, 0.99),
    AccuracyTarget("0 → 3 hp", _LOAD, 0.0, 0.98),
    AccuracyTarget("0 → 3 hp", _LOAD, -6.0, 0.95),
    AccuracyTarget("0 → 3 hp", _LOAD, -10.0, 0.85),
    AccuracyTarget("leave a fault size out, mean of three", _SIZES, None, 0.75),
    AccuracyTarget("leave a speed out, mean of six", _SPEEDS, None, 0.93),
)

PAPER = {"gaussian": (70.2, 76.1), "laplacian": (61.1, 66.2), "pink": (60.6, 65.9)}
"""Accuracies in per cent at -5 dB of ResNet and DRSN-CW, read off the paper's target charts (section IV)."""


def targets_table(cells: Sequence[CellResult]) -> str:
    """Each target with the recall that the shipped network reached, and the pair of networks where it was measured."""
    groups, rows = grouped(cells), []
    for target in TARGETS:
        for contestant in ("shipped", "shipped_pair"):
            found = [groups.get((protocol, contestant), []) for protocol in target.protocols]
            if contestant == "shipped" or any(found):
                rows.append(
                    [
                        target.what,
                        name_of(target.snr_db),
                        f"{100 * target.least:g}",
                        contestant,
                        *_verdict(target, found),
                    ]
                )
    return markdown(["protocols", "SNR", "must, %", "by", "reached, %", "cells", "verdict"], rows)


def _verdict(target: AccuracyTarget, found: Sequence[Sequence[CellResult]]) -> list[str]:
    """The recall reached over the cells of all protocols, their number, and the verdict."""
    count = str(sum(map(len, found)))
    if not all(found):
        return ["not run yet", count, "not run yet"]
    mean = fmean(fmean(macro_recall(cell, target.snr_db) for cell in part) for part in found)
    return [f"{100 * mean:.1f}", count, "met" if mean >= target.least else "**missed**"]


def paper_table(cells: Sequence[CellResult], snr_db: float = -5.0) -> str:
    """ResNet and DRSN-CW on the paper's protocol: accuracy and relative gain, ours beside the paper's."""
    by_noise: dict[str, dict[str, list[float]]] = {}
    for (protocol, contestant), found in grouped(cells).items():
        family, _, noise = contestant.removeprefix("paper_").rpartition("_")
        if protocol.startswith("paper-fold") and noise in PAPER:
            recalls = [100 * macro_recall(cell, snr_db, [noise]) for cell in found]
            by_noise.setdefault(noise, {}).setdefault(family, []).extend(recalls)
    rows = []
    for noise, theirs in PAPER.items():
        found_by_family = by_noise.get(noise, {})
        resnet, shrinking = (found_by_family.get(family, []) for family in ("resnet", "drsn_cw"))
        if len(resnet) == len(shrinking) > 0:
            ours = fmean(resnet), fmean(shrinking)
            each = " ".join(f"{s - r:+.1f}" for s, r in zip(shrinking, resnet, strict=True))
            rows.append([noise, *(f"{v:.1f}" for v in ours), f"{100 * (ours[1] / ours[0] - 1):+.1f} %", each,
                         *(f"{v:.1f}" for v in theirs), f"{100 * (theirs[1] / theirs[0] - 1):+.1f} %"])  # fmt: skip
    head = ["noise", "ResNet", "DRSN-CW", "gain", "points by fold", "paper: ResNet", "DRSN-CW", "gain"]
    return markdown(head, rows) if rows else "Not run yet."
