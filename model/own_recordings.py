"""A user's own recordings to a corpus: list, split, read, check for leaks, resample to one rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.model.confounding import confounders, facts_of
from drsn.model.corpus import Corpus
from drsn.model.data import leaks, split
from drsn.model.data.content import ANY, Choice
from drsn.model.data.entry import SETS, RecordingEntry, Set
from drsn.model.data.files import read_file
from drsn.model.data.folder import list_folder
from drsn.model.data.group_proposal import propose_group_pattern
from drsn.model.data.public.table import PUBLIC_SETS
from drsn.model.data.resampling import to_rate
from drsn.model.errors import BadDataError
from drsn.model.recipe import FolderData

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drsn.model.data.recording import Recording
    from drsn.model.recipe import PublicData, Recipe

Sets = dict[Set, list["Recording"]]

GUARD_WINDOWS = 2
"""Windows left out between two sets that are cut from one recording, so that no ringing reaches across."""


def own_corpus(data: FolderData, recipe: Recipe) -> Corpus:
    """Read the recordings of `data.path` and bring them to the lowest rate among them.

    Raises:
        BadDataError: no recordings, or not the recipe's; no honest split; or a leak from set to set.
        StorageError: a file can't be read.
        UnavailableError: the library of a file's format is not installed.
    """
    entries, notes = list_folder(Path(data.path), data.group_pattern)
    _check_labels(entries, recipe)
    stated = Choice(data.sample_rate_hz, data.variable, tuple(data.channels), data.decimal)
    return _corpus(entries, data, recipe, stated, Path(data.path), notes)


def public_corpus(data: PublicData, recipe: Recipe, folder: Path) -> Corpus:
    """Read a public data set from its folder: the recordings of the recipe's labels.

    Raises:
        BadDataError: no recordings of a label; no honest split; or a leak from set to set.
        StorageError: a file can't be read.
        UnavailableError: the library of a file's format is not installed.
    """
    every = PUBLIC_SETS[data.source].entries(folder)
    named = (entry for entry in every if entry.label in recipe.label_names)
    entries = tuple(replace(entry, channels=tuple(data.channels) or entry.channels) for entry in named)
    _check_labels(entries, recipe)
    others = sorted({entry.label for entry in every} - {*recipe.label_names})
    left = f"left out: {len(every) - len(entries)} recordings of {', '.join(others)}, which the recipe has no label for"
    return _corpus(entries, data, recipe, ANY, folder, (left,) if others else ())


def _corpus(
    entries: Sequence[RecordingEntry],
    data: FolderData | PublicData,
    recipe: Recipe,
    stated: Choice,
    folder: Path,
    notes: tuple[str, ...],
) -> Corpus:
    """Read, leave out what is too short, divide, check for leaks, bring to one rate."""
    shares = split.Shares(data.validation_share, data.test_share)
    given = entries[0].set is not None
    if given and data.split == "time":
        raise BadDataError(f"{folder}: gives the sets, so data.split = 'time' has nothing to cut; remove one of both")
    if data.split == "recording" and not given:
        split.by_group(entries, shares, data.split_seed)  # fails before hours of reading
    least_s = _least_s(data, shares, recipe)
    pairs = [(entry, _read(entry, stated, recipe)) for entry in entries]
    long = [(entry, one) for entry, one in pairs if one.n_samples / one.sample_rate_hz >= least_s]
    short = [one.name for _, one in pairs if one.n_samples / one.sample_rate_hz < least_s]
    _check_lengths(short, [one.label for _, one in long], least_s, recipe)
    sets: Sets = {name: [] for name in SETS}
    if data.split == "time":
        sets = _cut_in_time([one for _, one in long], shares, recipe)
    else:
        kept = [entry for entry, _ in long]
        divided = kept if given else split.by_group(kept, shares, data.split_seed)
        for entry, (_, one) in zip(divided, long, strict=True):
            assert entry.set is not None, "given, or just drawn"
            sets[entry.set].append(one)
        leaks.refuse_shared_groups(sets)
    leaks.refuse_shared_samples(sets)
    recordings = [one for _, one in long]
    rate_hz = min(recording.sample_rate_hz for recording in recordings)
    train, validation, test = (tuple(to_rate(recording, rate_hz) for recording in sets[name]) for name in SETS)
    said = (_how(data, folder, [entry for entry, _ in long], given=given), *_of_rates(recordings, rate_hz))
    separating = confounders([facts_of(one, entry.path) for entry, one in long])
    return Corpus(train, validation, test, (*said, *_too_short(short, least_s), *notes), separating)


def _least_s(data: FolderData | PublicData, shares: split.Shares, recipe: Recipe) -> float:
    """Length of the shortest recording that is of use: a window at the highest speed, or of each part one."""
    signal = recipe.signal
    window_s = signal.window / signal.sample_rate_hz * (1 + recipe.augmentation.speed) + 1 / signal.bandwidth_hz
    if data.split == "time":  # 1 / bandwidth: two samples for what is rounded when rates change
        return split.least_length_s(shares, window_s, GUARD_WINDOWS * window_s)
    return window_s


def _too_short(short: Sequence[str], least_s: float) -> tuple[str, ...]:
    if not short:
        return ()
    said = f"left out: {len(short)} recordings shorter than {least_s:.3g} s, the least of use: {', '.join(short[:3])}"
    return (f"{said} …" if len(short) > 3 else said,)


def _check_lengths(short: Sequence[str], labels: Sequence[str], least_s: float, recipe: Recipe) -> None:
    """Raise where a label has nothing but recordings that are too short."""
    if missing := sorted({*recipe.label_names} - {*labels}):
        raise BadDataError(
            f"recipe {recipe.name}: all recordings of {', '.join(missing)} are shorter than {least_s:.3g} s, such as "
            f"{short[0]}; record longer ones, or lower signal.window"
        )


def _check_labels(entries: Iterable[RecordingEntry], recipe: Recipe) -> None:
    there, wanted = {entry.label for entry in entries}, {*recipe.label_names}
    faults = [
        f"{what} {', '.join(sorted(names))}"
        for what, names in (("no recordings of", wanted - there), ("no label in the recipe for", there - wanted))
        if names
    ]
    if faults:
        raise BadDataError(
            f"recipe {recipe.name}: {'; '.join(faults)}; call folders (or the manifest's label) as the recipe's "
            "labels, or move what is not meant elsewhere"
        )


def _read(entry: RecordingEntry, stated: Choice, recipe: Recipe) -> Recording:
    """Read one recording; check channels and bandwidth. The manifest takes precedence over the file's metadata."""
    choice = entry.choice(stated)
    read = read_file(entry.path, choice).recording
    signal = recipe.signal
    rate_hz = entry.sample_rate_hz or read.sample_rate_hz
    least_hz = 2 * signal.bandwidth_hz / (1 - recipe.augmentation.speed)
    if rate_hz < least_hz:
        raise BadDataError(
            f"{entry.path}: sampled at {rate_hz:g} Hz, and {signal.bandwidth_hz:g} Hz bandwidth needs {least_hz:g} Hz; "
            f"lower signal.bandwidth_hz to {int(rate_hz / least_hz * signal.bandwidth_hz)} or leave the file out"
        )
    if len(read.samples) != signal.channels:
        raise BadDataError(
            f"{entry.path}: {signal.channels} channels expected, it has {len(read.samples)}; "
            "choose some with data.channels, or set signal.channels"
        )
    return replace(
        read,
        name=entry.name,
        label=entry.label,
        group=entry.group,
        sample_rate_hz=rate_hz,
        rpm=entry.rpm or read.rpm,
        load=entry.load,
        machine=entry.machine,
    )


def _cut_in_time(recordings: Sequence[Recording], shares: split.Shares, recipe: Recipe) -> Sets:
    signal = recipe.signal
    window_s = signal.window / signal.sample_rate_hz * (1 + recipe.augmentation.speed)
    cut = [split.in_time(recording, shares, window_s, GUARD_WINDOWS * window_s) for recording in recordings]
    return {name: [parts[name] for parts in cut] for name in SETS}


def _how(data: FolderData | PublicData, folder: Path, entries: Sequence[RecordingEntry], *, given: bool) -> str:
    """Describe how the sets were split, in one line."""
    if given:
        return f"split as {folder} lays it out"
    if data.split == "time":
        return (
            "split IN TIME: each recording is in all three sets. The accuracy will be optimistic: it is measured on "
            "these recordings, not on another machine, day or mounting"
        )
    groups = len({entry.group for entry in entries})
    shares = f"validation {data.validation_share:.0%}, test {data.test_share:.0%}, data.split_seed {data.split_seed}"
    if groups == len(entries):
        return (
            f"split by recording: {groups} files, each a group of its own ({shares}); if some are of one machine, day "
            "or run, state it (data.group_pattern, sub-folders, or the manifest's group), or accuracy will be "
            f"optimistic{_proposal(data, entries)}"
        )
    return f"split by group: {groups} groups of {len(entries)} recordings ({shares})"


def _proposal(data: FolderData | PublicData, entries: Sequence[RecordingEntry]) -> str:
    """A `group_pattern` that the names of the files suggest; empty if there is none."""
    if not isinstance(data, FolderData) or data.group_pattern is not None:
        return ""
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry.label, []).append(entry.name.removeprefix(f"{entry.label}/"))
    if (found := propose_group_pattern(names)) is None:
        return ""
    pattern, groups = found
    shown = f"{', '.join(groups[:4])}{' …' * (len(groups) > 4)}"
    return f"; the names suggest data.group_pattern = '{pattern}' ({len(groups)} groups: {shown})"


def _of_rates(recordings: Sequence[Recording], rate_hz: float) -> tuple[str, ...]:
    """A note on resampling."""
    every = sorted({recording.sample_rate_hz for recording in recordings})
    if len(every) == 1:
        return ()
    return (f"recordings at {', '.join(f'{rate:g}' for rate in every)} Hz brought to {rate_hz:g} Hz",)
