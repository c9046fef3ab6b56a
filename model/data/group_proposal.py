"""Propose a `group_pattern` from the names of files: the part of a name that several recordings share."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from drsn.model.data.entry import SETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEPARATORS = r"/_\-. "


def propose_group_pattern(names: Mapping[str, Sequence[str]]) -> tuple[str, tuple[str, ...]] | None:
    """The first part of the names that makes groups of which a split can be made.

    Args:
        names: label -> paths of its recordings below the label's folder.

    Returns:
        The pattern, and the groups that it finds; None: no part of the names makes three groups of each label, with
        two recordings to a group on average.
    """
    parts = {label: [_parts(name) for name in of_label] for label, of_label in names.items()}
    rows = [row for of_label in parts.values() for row in of_label]
    if not rows:
        return None
    for place in range(min(map(len, rows))):
        groups: dict[str, set[str]] = defaultdict(set)
        for label, of_label in parts.items():
            groups[label] = {row[place] for row in of_label}
        every = set().union(*groups.values())
        if min(map(len, groups.values())) >= len(SETS) and 2 * len(every) <= len(rows):
            before = rf"(?:[^{SEPARATORS}]+[{SEPARATORS}]+){{{place}}}" if place else ""
            return rf"^{before}(?P<group>[^{SEPARATORS}]+)", tuple(sorted(every))
    return None


def _parts(name: str) -> list[str]:
    """The parts of a path between separators, without the suffix."""
    folder, _, file = name.rpartition("/")
    stem = file.rpartition(".")[0] or file
    return [part for part in re.split(rf"[{SEPARATORS}]+", f"{folder}/{stem}" if folder else stem) if part]
