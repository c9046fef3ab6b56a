"""A public data set: where its files lie, and what their paths state about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from drsn.model.data.entry import RecordingEntry

MOST_SNAPSHOTS = 40
"""Snapshots of one stretch of a life, evenly spread: thousands of them hardly differ."""

NORMAL_SHARE, FAULTY_SHARE = 0.2, 0.1
"""Parts of a life: its beginning is normal, its end is faulty, and what lies between has no label."""


@dataclass(frozen=True)
class PublicSet:
    """One data set. `list_entries` maps a folder to its recordings; none where the layout is another one."""

    name: str
    title: str
    home: str
    """Where it is described; empty if no page is known."""
    layout: str
    """An example of a file's path."""
    labels: tuple[str, ...]
    groups: str
    """What a group is, which a split keeps in one set."""
    list_entries: Callable[[Path], tuple[RecordingEntry, ...]]

    def entries(self, folder: Path) -> tuple[RecordingEntry, ...]:
        """All labelled recordings below a folder, sorted by name; no file is read.

        Raises:
            BadDataError: there is no folder, or no file in the layout of the set.
        """
        if not folder.is_dir():
            raise BadDataError(
                f"{folder}: no such folder; unpack {self.title} there, or give data.path (docs/reference/files.md)"
            )
        found = self.list_entries(folder)
        if not found:
            raise BadDataError(f"{folder}: no file of {self.title}; its files lie as {self.layout}")
        return found


def listed(
    folder: Path, pattern: str, describe: Callable[[re.Match[str], Path], RecordingEntry | None]
) -> tuple[RecordingEntry, ...]:
    """The files whose path below the folder ends as the pattern does, whatever folders lie above."""
    compiled = re.compile(rf"(?:.*/)?{pattern}", re.IGNORECASE)
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        match = compiled.fullmatch(name)
        if match and path.is_file() and not path.name.startswith("."):
            entry = describe(match, path)
            if entry is not None:
                found.append(replace(entry, name=name))
    return tuple(found)


def lives(entries: Iterable[RecordingEntry], fault_of: Callable[[str], str | None]) -> tuple[RecordingEntry, ...]:
    """Label the snapshots of run-to-failure tests, which come in the order of time.

    Args:
        entries: snapshots; `group` is the bearing whose life they show.
        fault_of: group -> the fault at its end, or None where it did not fail.
    """
    by_group: dict[str, list[RecordingEntry]] = {}
    for entry in entries:
        by_group.setdefault(entry.group, []).append(entry)
    found: list[RecordingEntry] = []
    for group, life in by_group.items():
        fault, n = fault_of(group), len(life)
        found += [replace(entry, label="normal") for entry in _spread(life[: max(1, int(NORMAL_SHARE * n))])]
        if fault is not None and n > 1:
            found += [replace(entry, label=fault) for entry in _spread(life[n - max(1, int(FAULTY_SHARE * n)) :])]
    return tuple(sorted(found, key=lambda entry: entry.name))


def _spread(life: list[RecordingEntry]) -> list[RecordingEntry]:
    return life[:: max(1, -(-len(life) // MOST_SNAPSHOTS))]
