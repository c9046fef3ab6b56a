"""The splits of the evaluation protocols: from the folder of all data sets and `SplitParts` to a corpus.

Where no recordings are left out to select on, validation takes the ends of the training recordings. Healthy CWRU
recordings are always cut like that, because only one is used at each end of the load range.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from drsn.model.contract import NORMAL
from drsn.model.corpus import Corpus
from drsn.model.data import cwru, hit_sm

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.data.recording import Recording

    Recordings = tuple[Recording, ...]

TRAIN_SHARE = 0.8
"""A recording that both trains and validates: its first 80 % train."""

CEILING_SHARE = 0.6
"""A recording that both trains and tests: its first 60 % train. Only `cwru_in_distribution` does so."""

FOLDS = 4


class SplitParts(NamedTuple):
    """The values that a protocol assigns to each set: loads (hp), sizes (0.001 inch), speeds (rpm), rigs or folds."""

    train: tuple[Any, ...]
    select: tuple[Any, ...]
    test: tuple[Any, ...]


def condition_of(label: str) -> str:
    """The condition of a CWRU label: the label without its fault size."""
    return label if label == NORMAL else label.rpartition("_")[0]


def cwru_by_load(folder: Path, parts: SplitParts) -> Corpus:
    """CWRU by load. The healthy recording of 3 hp trains if 3 hp trains, else that of 0 hp; the other one tests."""
    everything = cwru.read_loads(folder / "cwru", cwru.LOADS_HP)
    healthy_load = 3 if 3 in parts.train else 0

    def of(loads: tuple[int, ...]) -> Recordings:
        return tuple(r for r in everything if r.label != NORMAL and r.group in {f"{load} hp" for load in loads})

    def healthy(load: int) -> Recordings:
        return tuple(r for r in everything if r.label == NORMAL and r.group == f"{load} hp")

    tested = (*healthy(3 - healthy_load), *of(parts.test)) if parts.test else ()
    return _corpus((*healthy(healthy_load), *of(parts.train)), of(parts.select), tested)


def cwru_by_size(folder: Path, parts: SplitParts) -> Corpus:
    """CWRU by fault size, at all loads, labelled by condition. Healthy: 0 hp trains, 3 hp tests."""
    everything = cwru.read_loads(folder / "cwru", cwru.LOADS_HP)

    def of(sizes: tuple[str, ...], healthy_load: str) -> Recordings:
        chosen = (r for r in everything if r.label[-3:] in sizes or (r.label == NORMAL and r.group == healthy_load))
        return tuple(replace(r, label=condition_of(r.label)) for r in chosen)

    tested = of(parts.test, "3 hp") if parts.test else ()
    return _corpus(of(parts.train, "0 hp"), of(parts.select, ""), tested)


def cwru_in_distribution(folder: Path, parts: SplitParts) -> Corpus:
    """CWRU in distribution: the beginning of each recording trains, its end tests. Only noise limits the accuracy."""
    everything = cwru.read_loads(folder / "cwru", parts.train)
    train = tuple(r.part(0, CEILING_SHARE) for r in everything)
    return Corpus(train=train, validation=(), test=tuple(r.part(CEILING_SHARE, 1) for r in everything))


def hit_sm_by_speed(folder: Path, parts: SplitParts, *, rig: str) -> Corpus:
    """HIT-SM by speed, on one rig."""
    return _corpus(*(hit_sm.read_speeds(folder / "hit_sm", rig, speeds) for speeds in parts))


def hit_sm_by_rig(folder: Path, parts: SplitParts) -> Corpus:
    """HIT-SM by rig: all speeds of one rig train, all of the other test."""
    train, selected, tested = (
        tuple(r for rig in rigs for r in hit_sm.read_speeds(folder / "hit_sm", rig, hit_sm.SPEEDS_RPM))
        for rigs in parts
    )
    return _corpus(train, selected, tested)


def hit_sm_by_fold(folder: Path, parts: SplitParts) -> Corpus:
    """The paper's own protocol on HIT-SM's first rig: each recording is cut into quarters, one of which tests."""
    everything = hit_sm.read_speeds(folder / "hit_sm", hit_sm.RIGS[0], hit_sm.SPEEDS_RPM)

    def of(folds: tuple[int, ...]) -> Recordings:
        return tuple(r.part(fold / FOLDS, (fold + 1) / FOLDS) for r in everything for fold in folds)

    return Corpus(train=of(parts.train), validation=(), test=of(parts.test))


def _corpus(train: Recordings, selected: Recordings, test: Recordings) -> Corpus:
    """Make a corpus; labels that `selected` lacks get the ends of their training recordings for validation."""
    there = {recording.label for recording in selected}

    def shared(recording: Recording) -> bool:
        return recording.label not in there

    return Corpus(
        train=tuple(r.part(0, TRAIN_SHARE) if shared(r) else r for r in train),
        validation=(*(r.part(TRAIN_SHARE, 1) for r in train if shared(r)), *selected),
        test=test,
    )
