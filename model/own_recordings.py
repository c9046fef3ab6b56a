"""A user's own recordings to a corpus: list, split, read, check for leaks, resample to one rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.model.corpus import Corpus
from drsn.model.data import leaks, split
from drsn.model.data.entry import SETS, RecordingEntry, Set
from drsn.model.data.files import read_recording
from drsn.model.data.folder import list_folder
from drsn.model.data.resampling import to_rate
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drsn.model.data.recording import Recording
    from drsn.model.recipe import FolderData, Recipe

Sets = dict[Set, list["Recording"]]

GUARD_WINDOWS = 2
"""Windows left out between two sets that are cut from one recording, so that no ringing reaches across."""


def own_corpus(data: FolderData, recipe: Recipe) -> Corpus:
    """Read the recordings of `data.path` and bring them to the lowest rate among them.

    Raises:
        BadDataError: no recordings, or not the recipe's; no honest split; or a leak from set to set.
        StorageError: a file can't be read.
        UnavailableError: a .mat without scipy.
    """
    entries, notes = list_folder(Path(data.path), data.group_pattern)
    _check_labels(entries, recipe)
    shares = split.Shares(data.validation_share, data.test_share)
    given = entries[0].set is not None
    if given and data.split == "time":
        raise BadDataError(
            f"{data.path}: gives the sets, so data.split = 'time' has nothing to cut; remove one of both"
        )
    if data.split == "time":
        sets = _cut_in_time([_read(entry, data, recipe) for entry in entries], shares, recipe)
    else:
        divided = entries if given else split.by_group(entries, shares, data.split_seed)
        sets = {name: [] for name in SETS}
        for entry in divided:
            assert entry.set is not None, "given, or just drawn"
            sets[entry.set].append(_read(entry, data, recipe))
        leaks.refuse_shared_groups(sets)
    leaks.refuse_shared_samples(sets)
    recordings = [recording for part in sets.values() for recording in part]
    rate_hz = min(recording.sample_rate_hz for recording in recordings)
    train, validation, test = (tuple(to_rate(recording, rate_hz) for recording in sets[name]) for name in SETS)
    said = (_how(data, entries, given=given), *_of_rates(recordings, rate_hz), *notes)
    return Corpus(train, validation, test, said)


def _check_labels(entries: Iterable[RecordingEntry], recipe: Recipe) -> None:
    there, wanted = {entry.label for entry in entries}, {*recipe.label_names}
    if there != wanted:
        raise BadDataError(
            f"recipe {recipe.name}: no recordings of {sorted(wanted - there)}, no labels for {sorted(there - wanted)}; "
            "call folders (or the manifest's label) as the recipe's labels"
        )


def _read(entry: RecordingEntry, data: FolderData, recipe: Recipe) -> Recording:
    """Read one recording; check channels and bandwidth. The manifest takes precedence over the file's metadata."""
    read = read_recording(
        entry.path,
        entry.sample_rate_hz or data.sample_rate_hz,
        variable=data.variable,
        channels=entry.channels or data.channels,
    )
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


def _how(data: FolderData, entries: Sequence[RecordingEntry], *, given: bool) -> str:
    """Describe how the sets were split, in one line."""
    if given:
        return f"split as {data.path} lays it out"
    if data.split == "time":
        return (
            "split IN TIME: each recording is in all three sets. The accuracy will be optimistic: it tells how well "
            "these very recordings are known, not another machine, day or mounting"
        )
    groups = len({entry.group for entry in entries})
    shares = f"validation {data.validation_share:.0%}, test {data.test_share:.0%}, data.split_seed {data.split_seed}"
    if groups == len(entries):
        return (
            f"split by recording: {groups} files, each a group of its own ({shares}); if some are of one machine, day "
            "or run, say so (data.group_pattern, sub-folders, or the manifest's group), or accuracy will be optimistic"
        )
    return f"split by group: {groups} groups of {len(entries)} recordings ({shares})"


def _of_rates(recordings: Sequence[Recording], rate_hz: float) -> tuple[str, ...]:
    """Notes on resampling, and a warning if the sampling rate alone identifies a label."""
    rates: dict[str, set[float]] = {}
    for recording in recordings:
        rates.setdefault(recording.label, set()).add(recording.sample_rate_hz)
    every = sorted(set().union(*rates.values()))
    if len(every) == 1:
        return ()
    notes = [f"recordings at {', '.join(f'{rate:g}' for rate in every)} Hz brought to {rate_hz:g} Hz"]
    if any(one.isdisjoint(other) for one in rates.values() for other in rates.values()):
        notes.append(
            "warning: some labels were never recorded at the same rate; the model may learn the recorder and not the "
            "fault: keep signal.bandwidth_hz below what every recorder passes evenly"
        )
    return tuple(notes)
