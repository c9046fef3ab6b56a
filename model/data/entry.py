"""A recording before its file is read: its path, label, group and set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

Set = Literal["train", "validation", "test"]
SETS: tuple[Set, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class RecordingEntry:
    """A listed recording. `name` is the file's path below the data folder; a `group` must stay in one set."""

    path: Path
    name: str
    label: str
    group: str
    set: Set | None = None
    sample_rate_hz: float | None = None
    rpm: float | None = None
    channels: tuple[int | str, ...] = ()
    load: str = ""
    machine: str = ""


def group_of(below_label: str, name: str, pattern: str | None) -> str:
    """The group of a file: the match of `(?P<group>…)` in its path below the label; else its sub-folder; else itself.

    Raises:
        BadDataError: the pattern does not match.
    """
    if pattern is None:
        return below_label.rpartition("/")[0] or name
    found = re.search(pattern, below_label)
    if not found or not found["group"]:
        raise BadDataError(f"{name}: group_pattern {pattern!r} finds no group in it; widen it or rename the file")
    return found["group"]
