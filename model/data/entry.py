"""A recording before its file is read: its path, label, group and set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from drsn.model.data.content import Choice
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

Set = Literal["train", "validation", "test"]
SETS: tuple[Set, ...] = ("train", "validation", "test")


KNOWN = ("rpm", "load", "machine")
"""Named groups of a pattern besides `group`."""


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
    variable: str | None = None

    def choice(self, other: Choice) -> Choice:
        """What is stated about this file; `other` where the entry does not state it."""
        return Choice(
            self.sample_rate_hz or other.sample_rate_hz,
            self.variable or other.variable,
            self.channels or other.channels,
            other.decimal,
        )


def label_name(text: str) -> str:
    """The name of a label: that of a folder in small letters, other characters as `_`; "Inner Race" is inner_race."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return name if re.match("[a-z]", name) else f"label_{name}"


def group_of(below_label: str, name: str, pattern: str | None) -> str:
    """The group of a file: the match of `(?P<group>…)` in its path below the label; else its sub-folder; else itself.

    Raises:
        BadDataError: the pattern does not match.
    """
    found = "" if pattern is None else _match(below_label, name, pattern).get("group")
    return found or below_label.rpartition("/")[0] or name


def known_of(below_label: str, name: str, pattern: str | None) -> dict[str, Any]:
    """Speed, load and machine of a file, as far as the pattern has `(?P<rpm>…)`, `(?P<load>…)`, `(?P<machine>…)`.

    Raises:
        BadDataError: the pattern does not match, or its speed is no number above 0.
    """
    if pattern is None:
        return {}
    found = {key: value for key, value in _match(below_label, name, pattern).items() if value and key in KNOWN}
    if "rpm" not in found:
        return found
    rpm = float(found["rpm"]) if found["rpm"].replace(".", "", 1).isdigit() else 0.0
    if not rpm:
        raise BadDataError(f"{name}: group_pattern {pattern!r} finds no speed in {found['rpm']!r}; let it match digits")
    return {**found, "rpm": rpm}


def _match(below_label: str, name: str, pattern: str) -> dict[str, str | None]:
    found = re.search(pattern, below_label)
    if not found or not all(found.groupdict().values()):
        raise BadDataError(f"{name}: group_pattern {pattern!r} finds no group in it; widen it or rename the file")
    return found.groupdict()
