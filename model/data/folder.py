"""A user's own recordings, in one of three layouts, told apart by what is there.

<folder>/manifest.csv                                   a table says it all
<folder>/(train|validation|test)/LABEL/FILE             who lays out the folders makes the split
<folder>/LABEL/FILE                                     the split is made for them, by group
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from drsn.model.data.entry import SETS, RecordingEntry, Set, group_of, known_of, label_name
from drsn.model.data.formats import SUFFIXES, is_recording
from drsn.model.data.manifest import NAME, read_manifest
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Listing(NamedTuple):
    """The recordings in a folder, and notes on the files that are left out."""

    entries: tuple[RecordingEntry, ...]
    notes: tuple[str, ...]


def list_folder(folder: Path, group_pattern: str | None = None) -> Listing:
    """List every recording in `folder`, sorted by name; only a manifest is read.

    Raises:
        BadDataError: no folder, no recordings, an empty set, or a name without a group.
        StorageError: the manifest can't be read.
    """
    if not folder.is_dir():
        raise BadDataError(f"{folder}: no such folder; let data.path name the one that holds your recordings")
    if (folder / NAME).is_file():
        return Listing(read_manifest(folder, group_pattern), ())
    if any((folder / name).is_dir() for name in SETS):
        entries = tuple(entry for name in SETS for entry in _laid_out(folder, name, group_pattern))
    else:
        entries = _below(folder, folder, group_pattern, None)
    if not entries:
        others = "; ".join(_left_out(folder, ()))
        raise BadDataError(f"{folder}: no recordings; lay them out as LABEL/FILE ({', '.join(SUFFIXES)}) {others}")
    _refuse_same_names(folder, entries)
    return Listing(entries, _left_out(folder, entries))


def _refuse_same_names(folder: Path, entries: Sequence[RecordingEntry]) -> None:
    """Two folders must not become one label."""
    folders: dict[str, str] = {}
    for entry in entries:
        parts = entry.path.relative_to(folder).parts
        name = parts[entry.set is not None]
        if folders.setdefault(entry.label, name) != name:
            raise BadDataError(
                f"{folder}: folders {folders[entry.label]!r} and {name!r} are both label {entry.label}; rename one, or "
                "put their recordings together"
            )


def _laid_out(folder: Path, name: Set, group_pattern: str | None) -> tuple[RecordingEntry, ...]:
    entries = _below(folder, folder / name, group_pattern, name)
    if not entries:
        raise BadDataError(f"{folder / name}: no recordings; lay them out as {name}/LABEL/FILE ({', '.join(SUFFIXES)})")
    return entries


def _below(folder: Path, top: Path, group_pattern: str | None, of_set: Set | None) -> tuple[RecordingEntry, ...]:
    """List the files of a layout `top`/LABEL/…/FILE."""
    return tuple(
        _entry(path, path.relative_to(folder).as_posix(), path.relative_to(top).parts, group_pattern, of_set)
        for path in sorted(top.rglob("*"))
        if is_recording(path) and path.is_file() and _is_meant(path.relative_to(top).parts)
    )


def _entry(
    path: Path, name: str, parts: tuple[str, ...], group_pattern: str | None, of_set: Set | None
) -> RecordingEntry:
    below = "/".join(parts[1:])
    return RecordingEntry(
        path=path,
        name=name,
        label=label_name(parts[0]),
        group=group_of(below, name, group_pattern),
        set=of_set,
        **known_of(below, name, group_pattern),
    )


def _is_meant(parts: tuple[str, ...]) -> bool:
    """True for a file below a label folder that is not hidden (some systems create hidden files)."""
    return len(parts) > 1 and not any(part.startswith(".") for part in parts)


def _left_out(folder: Path, entries: tuple[RecordingEntry, ...]) -> tuple[str, ...]:
    """Notes on files that will not be read."""
    read = {entry.path for entry in entries}
    others = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path not in read and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )
    if not others:
        return ()
    return (f"left out: {len(others)} files that are no recordings or lie elsewhere, such as {', '.join(others[:3])}",)
