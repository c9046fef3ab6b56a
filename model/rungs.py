"""The rungs of the benchmark: which recordings train, which may select, which are looked at once, at the end.

Every split is by recording. Recipes are selected on `validation` alone: on other loads where a rung has them to spare,
else on its inner rungs, which leave out one more load, size or speed of the training set and have no test set. Where no
recordings are left out for it, validation takes the ends of the training recordings (for temperature and threshold);
so it does with healthy CWRU recordings always, for there is one at each end of the load range.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from drsn.model.contract import NORMAL, Label
from drsn.model.corpus import Corpus
from drsn.model.data import cwru, hit_sm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from drsn.model.data.recording import Recording

    Recordings = tuple[Recording, ...]

TRAIN_SHARE = 0.8
"""Of a recording that both trains and validates, the beginning."""

BANDWIDTH_HZ = cwru.BANDWIDTH_HZ
"""Of both data sets alike."""

SIZES = ("007", "014", "021")


class Parts(NamedTuple):
    """What a rung divides: loads in hp, sizes in thousandths of an inch, or speeds in rpm."""

    train: tuple[Any, ...]
    select: tuple[Any, ...]
    test: tuple[Any, ...]


@dataclass(frozen=True)
class Rung:
    """One split of one data set."""

    name: str
    labels: tuple[Label, ...]
    sample_rate_hz: float
    parts: Parts
    reader: Callable[[Path, Parts], Corpus]
    inner: tuple[str, ...]
    """The rungs that recipes for this one are selected on; its own name when its validation set can do it."""

    def read(self, folder: Path) -> Corpus:
        """The recordings, from the folder that holds all data sets.

        Raises:
            BadDataError: a file is missing or damaged.
        """
        return self.reader(folder, self.parts)


def _corpus(train: Recordings, selected: Recordings, test: Recordings) -> Corpus:
    """Training recordings of labels that `selected` lacks give their ends to validation."""
    there = {recording.label for recording in selected}

    def shared(recording: Recording) -> bool:
        return recording.label not in there

    return Corpus(
        train=tuple(r.part(0, TRAIN_SHARE) if shared(r) else r for r in train),
        validation=(*(r.part(TRAIN_SHARE, 1) for r in train if shared(r)), *selected),
        test=test,
    )


def _cwru_by_load(folder: Path, parts: Parts) -> Corpus:
    """The healthy recording of 3 hp trains where 3 hp does, that of 0 hp otherwise; it never trains and tests."""
    everything = cwru.read_loads(folder / "cwru", cwru.LOADS_HP)
    healthy_load = 3 if 3 in parts.train else 0

    def of(loads: tuple[int, ...]) -> Recordings:
        return tuple(r for r in everything if r.label != NORMAL and r.group in {f"{load} hp" for load in loads})

    def healthy(load: int) -> Recordings:
        return tuple(r for r in everything if r.label == NORMAL and r.group == f"{load} hp")

    tested = (*healthy(3 - healthy_load), *of(parts.test)) if parts.test else ()
    return _corpus((*healthy(healthy_load), *of(parts.train)), of(parts.select), tested)


def _cwru_by_size(folder: Path, parts: Parts) -> Corpus:
    """Faults by condition, at all loads; normal of 0 hp trains, that of 3 hp tests."""
    everything = cwru.read_loads(folder / "cwru", cwru.LOADS_HP)

    def of(sizes: tuple[str, ...], healthy_load: str) -> Recordings:
        chosen = (r for r in everything if r.label[-3:] in sizes or (r.label == NORMAL and r.group == healthy_load))
        return tuple(replace(r, label=_condition(r.label)) for r in chosen)

    tested = of(parts.test, "3 hp") if parts.test else ()
    return _corpus(of(parts.train, "0 hp"), of(parts.select, ""), tested)


def _hit_sm_by_speed(folder: Path, parts: Parts, *, rig: str) -> Corpus:
    return _corpus(*(hit_sm.read_speeds(folder / "hit_sm", rig, speeds) for speeds in parts))


def _condition(label: str) -> str:
    return label if label == NORMAL else label.rpartition("_")[0]


def _labels(names: Iterable[str], condition: Callable[[str], str]) -> tuple[Label, ...]:
    return tuple(Label(name=n, condition=condition(n), healthy=n == NORMAL) for n in names)


TEN = _labels(cwru.FIRST_FILE, _condition)
FOUR = _labels(dict.fromkeys(map(_condition, cwru.FIRST_FILE)), str)
SEVEN = _labels(hit_sm.FILES, _condition)


def _leave_out(rung: Rung, everything: tuple[Any, ...]) -> Iterator[Rung]:
    """The rung, and its inner ones: one more of the training parts is left out to select on."""
    inner = {f"{rung.name}-inner-{part}": part for part in rung.parts.train}
    yield replace(rung, inner=tuple(inner))
    for name, part in inner.items():
        train = tuple(p for p in everything if p not in (part, *rung.parts.test))
        yield replace(rung, name=name, parts=Parts(train, (part,), ()))


def _rungs() -> Iterator[Rung]:
    cwru_rung = partial(Rung, sample_rate_hz=cwru.SAMPLE_RATE_HZ, inner=())
    for first, last in ((0, 3), (3, 0)):
        name = f"cwru-{first}-to-{last}"
        parts = Parts((first,), (1, 2), (last,))
        yield replace(cwru_rung(name=name, labels=TEN, parts=parts, reader=_cwru_by_load), inner=(name,))
    parts = Parts((0, 1, 2), (), (3,))
    yield from _leave_out(cwru_rung(name="cwru-loads", labels=TEN, parts=parts, reader=_cwru_by_load), cwru.LOADS_HP)
    for size in SIZES:
        parts = Parts(tuple(s for s in SIZES if s != size), (), (size,))
        yield from _leave_out(
            cwru_rung(name=f"cwru-size-{size}", labels=FOUR, parts=parts, reader=_cwru_by_size), SIZES
        )
    for rig in hit_sm.RIGS:
        for rpm in hit_sm.SPEEDS_RPM:
            parts = Parts(tuple(s for s in hit_sm.SPEEDS_RPM if s != rpm), (), (rpm,))
            reader = partial(_hit_sm_by_speed, rig=rig)
            yield from _leave_out(
                Rung(f"hit_sm-{rig}-{rpm}", SEVEN, hit_sm.SAMPLE_RATE_HZ, parts, reader, ()), hit_sm.SPEEDS_RPM
            )


RUNGS = {rung.name: rung for rung in _rungs()}
"""Every rung by its name; those with a test set are the rungs of the report."""
