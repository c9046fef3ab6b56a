"""Folds that leave out one known condition: a speed, a load, a machine or a group of recordings.

A random split tests what training has seen: the same speeds, loads and machines. What a plant shows next is another
one, and features in hertz move with the speed. So each value of a known condition is left out in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.model.data.recording import Recording

SAME_SPEED = 0.05
"""Speeds that follow each other within this part are one: an induction motor slips by 3 to 5 % from no to full load."""

MOST_FOLDS = 5


@dataclass(frozen=True)
class Fold:
    """One value of a condition is left out: `train` has the others."""

    condition: str
    value: str
    train: tuple[Recording, ...]
    held_out: tuple[Recording, ...]


@dataclass(frozen=True)
class ConditionFolds:
    """The folds of each known condition that has any, and a line for each condition that follows a label."""

    by_condition: dict[str, tuple[Fold, ...]]
    notes: tuple[str, ...]


def condition_folds(recordings: Sequence[Recording]) -> ConditionFolds:
    """The folds of every condition that all recordings have, two values at least.

    The training part of a fold has every label, the held-out part has the labels recorded at that value. A value
    without which a label would be missing makes no fold.
    """
    by_condition: dict[str, tuple[Fold, ...]] = {}
    notes = []
    labels = {recording.label for recording in recordings}
    divided: set[tuple[int, ...]] = set()
    for condition, values in _values(recordings).items():
        division = tuple(map(list(dict.fromkeys(values)).index, values))
        if len(set(values)) < 2 or division in divided:  # a group that is a speed
            continue
        divided.add(division)
        folds = []
        for value in dict.fromkeys(values):
            held_out = tuple(r for r, v in zip(recordings, values, strict=True) if v == value)
            train = tuple(r for r, v in zip(recordings, values, strict=True) if v != value)
            if {recording.label for recording in train} == labels:
                folds.append(Fold(condition, value, train, held_out))
        if folds:
            by_condition[condition] = tuple(folds)
        only = [label for label in sorted(labels) if len(_values_of(label, recordings, values)) == 1]
        if only and condition != "group":
            notes.append(
                f"warning: {', '.join(only)}: recorded at one {condition} only, so a model may learn the {condition} "
                f"and not the fault; record each label at two values of {condition} at least"
            )
    return ConditionFolds(by_condition, tuple(notes))


def _values(recordings: Sequence[Recording]) -> dict[str, list[str]]:
    """Condition -> its value for each recording; only conditions that all recordings have."""
    values: dict[str, list[str]] = {}
    speeds = [recording.rpm for recording in recordings if recording.rpm is not None]
    if recordings and len(speeds) == len(recordings):
        values["speed"] = _speeds(np.array(speeds))
    for condition in ("load", "machine"):
        found = [str(getattr(recording, condition)) for recording in recordings]
        if all(found):
            values[condition] = _few(found)
    groups = [recording.group for recording in recordings]
    # Groups that hold one recording each are files, not a condition.
    if "machine" not in values and all(groups) and 2 * len(set(groups)) <= len(groups):
        values["group"] = _few(groups)
    return values


def _values_of(label: str, recordings: Sequence[Recording], values: Sequence[str]) -> set[str]:
    return {value for recording, value in zip(recordings, values, strict=True) if recording.label == label}


def _speeds(rpm: np.ndarray) -> list[str]:
    """Each speed's cluster, named by its speeds; if these are many, or run into each other, ranges of neighbours."""
    order = np.argsort(rpm, kind="stable")
    steps = np.diff(rpm[order]) > SAME_SPEED * rpm[order][:-1]
    cluster = np.empty(len(rpm), np.intp)
    cluster[order] = np.concatenate([[0], np.cumsum(steps)])
    spans = [np.ptp(rpm[cluster == c]) / rpm[cluster == c].min() for c in np.unique(cluster)]
    if len(spans) > MOST_FOLDS or max(spans) > 2 * SAME_SPEED:
        part = np.array_split(order, MOST_FOLDS)
        for number, members in enumerate(part):
            cluster[members] = number
    names = {c: _range(rpm[cluster == c]) for c in np.unique(cluster)}
    return [names[c] for c in cluster]


def _range(rpm: np.ndarray) -> str:
    low, high = f"{rpm.min():.0f}", f"{rpm.max():.0f}"
    return f"{low} rpm" if low == high else f"{low} to {high} rpm"


def _few(values: Sequence[str]) -> list[str]:
    """The same values; more than `MOST_FOLDS` are joined to that many."""
    names = sorted(set(values))
    if len(names) <= MOST_FOLDS:
        return list(values)
    joined = {name: ", ".join(part) for part in np.array_split(np.array(names), MOST_FOLDS) for name in part.tolist()}
    return [joined[value] for value in values]
