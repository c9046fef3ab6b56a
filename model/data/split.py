"""Split recordings into training, validation and test: by group or, if requested, in time."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from drsn.model.data.entry import SETS, RecordingEntry, Set
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drsn.model.data.recording import Recording

DRAWS, LOOSE_DRAWS = 100, 2000
"""Random draws to try. Where groups have several labels, a draw may leave a label out of a set. First, 100 draws keep
to the shares label by label; the other 2,000 assign each group independently."""

BY_NEED: tuple[Set, ...] = ("test", "validation")

Drawn = dict[str, Set]
"""Maps each group to its set."""


@dataclass(frozen=True)
class Shares:
    """Shares of validation and test: of each label's groups, or of each recording's length; training has the rest."""

    validation: float
    test: float


def by_group(entries: Sequence[RecordingEntry], shares: Shares, seed: int) -> tuple[RecordingEntry, ...]:
    """Give each entry a set, so that no group is in two and each label is in each.

    Groups are drawn in the order of a hash of `seed` and their names: the split does not depend on the machine or on
    the recipe's seed, and one more recording moves few others.

    Raises:
        BadDataError: a label has fewer than three groups, or no draw serves every label.
    """
    labels: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        labels[entry.label].add(entry.group)
    for label, groups in sorted(labels.items()):
        if len(groups) < len(SETS):
            raise BadDataError(
                f"label {label} has {len(groups)} independent recording(s) or groups and each of three sets needs one; "
                "record more, or cut in time with data.split = 'time' (docs/use/models.md says what that costs)"
            )
    close = (_draw(labels, shares, f"{seed}/{number}") for number in range(DRAWS))
    loose = (_throw(set().union(*labels.values()), shares, f"{seed}/{number}") for number in range(LOOSE_DRAWS))
    drawn = next((draw for draw in chain(close, loose) if _serves(draw, labels)), None)
    if drawn is None:
        raise BadDataError(
            "groups hold several labels, and no division of them puts every label into all three sets; "
            "add recordings of the rarer labels, or divide by hand (the manifest's set)"
        )
    return tuple(replace(entry, set=drawn[entry.group]) for entry in entries)


def _draw(labels: Mapping[str, set[str]], shares: Shares, salt: str) -> Drawn:
    """Assign groups label by label, fewest groups first: test and validation get their shares, training the rest."""
    drawn: Drawn = {}
    for _, groups in sorted(labels.items(), key=lambda item: (len(item[1]), item[0])):
        wanted = _quota(len(groups), shares)
        have = Counter(drawn[group] for group in groups if group in drawn)
        for group in sorted(groups - drawn.keys(), key=lambda group: _hash(salt, group)):
            name: Set = next((name for name in BY_NEED if have[name] < wanted[name]), "train")
            drawn[group] = name
            have[name] += 1
    return drawn


def _throw(groups: set[str], shares: Shares, salt: str) -> Drawn:
    """Assign each group independently."""
    places = {group: int.from_bytes(_hash(salt, group)[:4], "big") / 2**32 for group in groups}
    return {
        group: "test" if at < shares.test else "validation" if at < shares.test + shares.validation else "train"
        for group, at in places.items()
    }


def _quota(groups: int, shares: Shares) -> dict[Set, int]:
    test = min(max(round(shares.test * groups), 1), groups - 2)
    validation = min(max(round(shares.validation * groups), 1), groups - 1 - test)
    return {"train": groups - test - validation, "validation": validation, "test": test}


def _serves(drawn: Drawn, labels: Mapping[str, set[str]]) -> bool:
    return all({drawn[group] for group in groups} == {*SETS} for groups in labels.values())


def _hash(salt: str, group: str) -> bytes:
    return hashlib.sha256(f"{salt}\0{group}".encode()).digest()


def in_time(recording: Recording, shares: Shares, window_s: float, guard_s: float) -> dict[Set, Recording]:
    """Cut a recording into training, validation and test, in this order, leaving out `guard_s` seconds between them.

    Raises:
        BadDataError: a part would be shorter than `window_s`.
    """
    length_s = recording.n_samples / recording.sample_rate_hz
    left_s = length_s - 2 * guard_s
    part_s = {"validation": shares.validation * left_s, "test": shares.test * left_s}
    train_s = left_s - sum(part_s.values())
    needed_s = window_s + 2 / recording.sample_rate_hz  # cuts are at whole samples
    if min(train_s, *part_s.values()) < needed_s:
        least_s = least_length_s(shares, needed_s, guard_s)
        raise BadDataError(
            f"{recording.name}: {length_s:.3g} s can't be cut into three sets; "
            f"give {math.ceil(10 * least_s) / 10:g} s or more, or leave it out"
        )
    validation_s = train_s + guard_s
    test_s = validation_s + part_s["validation"] + guard_s
    return {
        "train": recording.part(0, train_s / length_s),
        "validation": recording.part(validation_s / length_s, (test_s - guard_s) / length_s),
        "test": recording.part(test_s / length_s, 1),
    }


def least_length_s(shares: Shares, window_s: float, guard_s: float) -> float:
    """Length of a recording each of whose three parts has a window."""
    return window_s / min(shares.validation, shares.test, 1 - shares.validation - shares.test) + 2 * guard_s
