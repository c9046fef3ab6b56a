"""The rungs of the benchmark: which recordings train, which may select, which are looked at once, at the end.

Every split is by recording, but for two kinds of rung that cut recordings in time and say so (`within_recordings`):
the in-distribution ceiling, and the paper's own protocol. Recipes are selected on `validation` alone: on other loads
where a rung has them to spare, else on its inner rungs, which leave out one more load, size or speed of the training
set and have no test set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from drsn.model.contract import NORMAL, Label
from drsn.model.data import cwru, hit_sm
from drsn.model.rung_splits import (
    FOLDS,
    Parts,
    condition_of,
    cwru_by_load,
    cwru_by_size,
    cwru_in_distribution,
    hit_sm_by_fold,
    hit_sm_by_rig,
    hit_sm_by_speed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from drsn.model.corpus import Corpus

BANDWIDTH_HZ = cwru.BANDWIDTH_HZ
"""Of both data sets alike."""

SIZES = ("007", "014", "021")


@dataclass(frozen=True)
class Rung:
    """One split of one data set."""

    name: str
    labels: tuple[Label, ...]
    sample_rate_hz: float
    parts: Parts
    reader: Callable[[Path, Parts], Corpus]
    inner: tuple[str, ...] = ()
    """The rungs that recipes for this one are selected on; its own name when its validation set can do it."""
    within_recordings: bool = False
    """Recordings are cut in time: neighbours of tested windows train, and the figures are no claim."""

    def read(self, folder: Path) -> Corpus:
        """The recordings, from the folder that holds all data sets.

        Raises:
            BadDataError: a file is missing or damaged.
        """
        return self.reader(folder, self.parts)


def _labels(names: Iterable[str], condition: Callable[[str], str]) -> tuple[Label, ...]:
    return tuple(Label(name=n, condition=condition(n), healthy=n == NORMAL) for n in names)


TEN = _labels(cwru.FIRST_FILE, condition_of)
FOUR = _labels(dict.fromkeys(map(condition_of, cwru.FIRST_FILE)), str)
SEVEN = _labels(hit_sm.FILES, condition_of)


def _leave_out(rung: Rung, everything: tuple[Any, ...]) -> Iterator[Rung]:
    """The rung, and its inner ones: one more of the training parts is left out to select on."""
    inner = {f"{rung.name}-inner-{part}": part for part in rung.parts.train}
    yield replace(rung, inner=tuple(inner))
    for name, part in inner.items():
        train = tuple(p for p in everything if p not in (part, *rung.parts.test))
        yield replace(rung, name=name, parts=Parts(train, (part,), ()))


def _cwru_rungs() -> Iterator[Rung]:
    ten = partial(Rung, labels=TEN, sample_rate_hz=cwru.SAMPLE_RATE_HZ)
    for first, last in ((0, 3), (3, 0)):
        name = f"cwru-{first}-to-{last}"
        yield ten(name=name, parts=Parts((first,), (1, 2), (last,)), reader=cwru_by_load, inner=(name,))
    yield from _leave_out(ten(name="cwru-loads", parts=Parts((0, 1, 2), (), (3,)), reader=cwru_by_load), cwru.LOADS_HP)
    ceiling = Parts((3,), (), (3,))
    yield ten(name="cwru-ceiling", parts=ceiling, reader=cwru_in_distribution, within_recordings=True)
    for size in SIZES:
        parts = Parts(tuple(s for s in SIZES if s != size), (), (size,))
        yield from _leave_out(Rung(f"cwru-size-{size}", FOUR, cwru.SAMPLE_RATE_HZ, parts, cwru_by_size), SIZES)


def _hit_sm_rungs() -> Iterator[Rung]:
    seven = partial(Rung, labels=SEVEN, sample_rate_hz=hit_sm.SAMPLE_RATE_HZ)
    for rig in hit_sm.RIGS:
        for rpm in hit_sm.SPEEDS_RPM:
            parts = Parts(tuple(s for s in hit_sm.SPEEDS_RPM if s != rpm), (), (rpm,))
            reader = partial(hit_sm_by_speed, rig=rig)
            yield from _leave_out(seven(name=f"hit_sm-{rig}-{rpm}", parts=parts, reader=reader), hit_sm.SPEEDS_RPM)
    for first, last in (hit_sm.RIGS, hit_sm.RIGS[::-1]):
        yield seven(name=f"hit_sm-{first}-to-{last}", parts=Parts((first,), (), (last,)), reader=hit_sm_by_rig)
    for fold in range(FOLDS):
        parts = Parts(tuple(f for f in range(FOLDS) if f != fold), (), (fold,))
        yield seven(name=f"paper-fold-{fold + 1}", parts=parts, reader=hit_sm_by_fold, within_recordings=True)


RUNGS = {rung.name: rung for rung in (*_cwru_rungs(), *_hit_sm_rungs())}
"""Every rung by its name; those with a test set are the rungs of the report."""
