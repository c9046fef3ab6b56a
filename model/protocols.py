"""The evaluation protocols: which recordings train, which select recipes, and which test once, at the end.

Every split is by recording, except for two kinds of protocol that cut recordings in time (`within_recordings`): the
in-distribution ceiling, and the paper's own protocol. Recipes are selected on `validation` alone: on other loads where
a protocol has them to spare, else on its inner protocols, which leave out one more load, size or speed of the training
set and have no test set.

Recipes, plans and results call a protocol `rung` in their files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from drsn.model.contract import NORMAL, Label
from drsn.model.data import cwru, hit_sm
from drsn.model.protocol_splits import (
    FOLDS,
    SplitParts,
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
"""The bandwidth of the model's input, the same for both data sets."""

SIZES = ("007", "014", "021")


@dataclass(frozen=True)
class EvaluationProtocol:
    """One split of one data set into training, validation and test recordings."""

    name: str
    labels: tuple[Label, ...]
    sample_rate_hz: float
    parts: SplitParts
    reader: Callable[[Path, SplitParts], Corpus]
    inner: tuple[str, ...] = ()
    """The protocols that recipes are selected on; its own name if its own validation set can be used."""
    within_recordings: bool = False
    """Recordings are cut in time: neighbours of tested windows train, so the figures are optimistic."""

    def read(self, folder: Path) -> Corpus:
        """Read the recordings from the folder that holds all data sets.

        Raises:
            BadDataError: a file is missing or damaged.
        """
        return self.reader(folder, self.parts)


def _labels(names: Iterable[str], condition: Callable[[str], str]) -> tuple[Label, ...]:
    return tuple(Label(name=n, condition=condition(n), healthy=n == NORMAL) for n in names)


TEN = _labels(cwru.FIRST_FILE, condition_of)
FOUR = _labels(dict.fromkeys(map(condition_of, cwru.FIRST_FILE)), str)
SEVEN = _labels(hit_sm.FILES, condition_of)


def _with_inner(protocol: EvaluationProtocol, everything: tuple[Any, ...]) -> Iterator[EvaluationProtocol]:
    """The protocol and its inner protocols, each of which leaves out one more training part to select on."""
    inner = {f"{protocol.name}-inner-{part}": part for part in protocol.parts.train}
    yield replace(protocol, inner=tuple(inner))
    for name, part in inner.items():
        train = tuple(p for p in everything if p not in (part, *protocol.parts.test))
        yield replace(protocol, name=name, parts=SplitParts(train, (part,), ()))


def _cwru_protocols() -> Iterator[EvaluationProtocol]:
    ten = partial(EvaluationProtocol, labels=TEN, sample_rate_hz=cwru.SAMPLE_RATE_HZ)
    for first, last in ((0, 3), (3, 0)):
        name = f"cwru-{first}-to-{last}"
        yield ten(name=name, parts=SplitParts((first,), (1, 2), (last,)), reader=cwru_by_load, inner=(name,))
    yield from _with_inner(
        ten(name="cwru-loads", parts=SplitParts((0, 1, 2), (), (3,)), reader=cwru_by_load), cwru.LOADS_HP
    )
    ceiling = SplitParts((3,), (), (3,))
    yield ten(name="cwru-ceiling", parts=ceiling, reader=cwru_in_distribution, within_recordings=True)
    for size in SIZES:
        parts = SplitParts(tuple(s for s in SIZES if s != size), (), (size,))
        yield from _with_inner(
            EvaluationProtocol(f"cwru-size-{size}", FOUR, cwru.SAMPLE_RATE_HZ, parts, cwru_by_size), SIZES
        )


def _hit_sm_protocols() -> Iterator[EvaluationProtocol]:
    seven = partial(EvaluationProtocol, labels=SEVEN, sample_rate_hz=hit_sm.SAMPLE_RATE_HZ)
    for rig in hit_sm.RIGS:
        for rpm in hit_sm.SPEEDS_RPM:
            parts = SplitParts(tuple(s for s in hit_sm.SPEEDS_RPM if s != rpm), (), (rpm,))
            reader = partial(hit_sm_by_speed, rig=rig)
            yield from _with_inner(seven(name=f"hit_sm-{rig}-{rpm}", parts=parts, reader=reader), hit_sm.SPEEDS_RPM)
    for first, last in (hit_sm.RIGS, hit_sm.RIGS[::-1]):
        yield seven(name=f"hit_sm-{first}-to-{last}", parts=SplitParts((first,), (), (last,)), reader=hit_sm_by_rig)
    for fold in range(FOLDS):
        parts = SplitParts(tuple(f for f in range(FOLDS) if f != fold), (), (fold,))
        yield seven(name=f"paper-fold-{fold + 1}", parts=parts, reader=hit_sm_by_fold, within_recordings=True)


PROTOCOLS = {protocol.name: protocol for protocol in (*_cwru_protocols(), *_hit_sm_protocols())}
"""Every protocol by its name. The report shows those with a test set."""
