"""Recordings that a plant has labelled (`drsn-train RECIPE --add DIR`): they join the training set, never the others.

`drsn-agent label` and `drsn-agent false-alarm` write DIR: `labels.csv`, and one recording for each event. Without a
`labels.csv` the name of the folder is the label, DIR/LABEL/FILE.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drsn.model.data import leaks
from drsn.model.data.content import ANY
from drsn.model.data.entry import SETS, RecordingEntry
from drsn.model.data.files import read_file
from drsn.model.data.folder import list_folder
from drsn.model.data.manifest import LABELS_NAME as NAME
from drsn.model.data.resampling import to_rate
from drsn.model.errors import BadDataError, StorageError
from drsn.model.sources import check_corpus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from drsn.model.corpus import Corpus
    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe

REQUIRED = ("file", "label")


@dataclass(frozen=True)
class _Labelled:
    """A file with the text of its label: a label of the recipe, or a condition with one label."""

    path: Path
    name: str
    label: str
    group: str


def with_labelled_recordings(corpus: Corpus, folder: Path, recipe: Recipe) -> Corpus:
    """The corpus with the recordings of `folder` in its training set, all at the lowest rate.

    Raises:
        BadDataError: no recordings, a label that the recipe does not have, an unfit recording, or one that is in the
            validation or test set too.
        StorageError: a file can't be read.
    """
    listed = _listed(folder)
    labels = {one.label: _label_of(one, recipe) for one in listed}
    read = [_read(one, labels[one.label], recipe) for one in listed]
    signal = recipe.signal
    least_s = signal.window / signal.sample_rate_hz * (1 + recipe.augmentation.speed) + 1 / signal.bandwidth_hz
    added = [one for one in read if one.n_samples / one.sample_rate_hz >= least_s]
    if not added:
        raise BadDataError(f"{folder}: all {len(read)} recordings are shorter than {least_s:.3g} s; add longer ones")
    rate_hz = min(one.sample_rate_hz for one in (*added, *corpus.train))
    train, validation, test = (
        tuple(to_rate(one, rate_hz) for one in part)
        for part in ((*corpus.train, *added), corpus.validation, corpus.test)
    )
    _refuse_leaks(folder, added, corpus)
    notes = (*corpus.notes, *_notes(folder, added, len(read) - len(added), least_s))
    names = tuple(one.name for one in added)
    joined = replace(corpus, train=train, validation=validation, test=test, notes=notes, added=names)
    check_corpus(joined, recipe)
    return joined


def _notes(folder: Path, added: Sequence[Recording], short: int, least_s: float) -> tuple[str, ...]:
    counts = {label: sum(one.label == label for one in added) for label in dict.fromkeys(one.label for one in added)}
    said = f"added from {folder}, to the training set only: " + ", ".join(
        f"{n} of {name}" for name, n in counts.items()
    )
    return (said, f"left out of {folder}: {short} recording(s) shorter than {least_s:.3g} s") if short else (said,)


def _listed(folder: Path) -> list[_Labelled]:
    if not folder.is_dir():
        raise BadDataError(f"{folder}: no such folder; give the one that drsn-agent label wrote to")
    if not (folder / NAME).is_file():
        return [_of_entry(folder, entry) for entry in list_folder(folder).entries]
    try:
        text = (folder / NAME).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StorageError(f"{folder / NAME}: {error.strerror or error}; check the file and its permissions") from None
    except UnicodeDecodeError:
        raise BadDataError(f"{folder / NAME}: not UTF-8; save it as CSV UTF-8") from None
    rows = csv.DictReader(text.splitlines())
    if missing := [column for column in REQUIRED if column not in (rows.fieldnames or ())]:
        raise BadDataError(f"{folder / NAME}: has no column {missing[0]}; drsn-agent label writes it")
    listed = {
        row["file"]: _of_row(folder, rows.line_num, row) for row in rows
    }  # a label given again replaces the first
    if not listed:
        raise BadDataError(f"{folder / NAME}: lists no recordings; label an event with drsn-agent label")
    return list(listed.values())


def _of_entry(folder: Path, entry: RecordingEntry) -> _Labelled:
    return _Labelled(entry.path, f"{folder.name}/{entry.name}", entry.label, f"{folder.name}/{entry.group}")


def _of_row(folder: Path, line: int, row: dict[str, str]) -> _Labelled:
    file, label = row.get("file"), row.get("label")
    if not file or not label:
        raise BadDataError(f"{folder / NAME} line {line}: no file or no label; give both")
    path = folder / file
    if folder.resolve() not in path.resolve().parents:
        raise BadDataError(f"{folder / NAME} line {line}: {file!r} lies outside of the folder")
    return _Labelled(path, f"{folder.name}/{file}", label, row.get("sensor") or f"{folder.name}/{file}")


def _label_of(one: _Labelled, recipe: Recipe) -> str:
    """The recipe's label: of this name, or the only one of the condition of this name."""
    if one.label in recipe.label_names:
        return one.label
    of_condition = [label.name for label in recipe.labels if label.condition == one.label]
    if len(of_condition) == 1:
        return of_condition[0]
    which = f"is a condition of {len(of_condition)} labels" if of_condition else "is not in the recipe"
    raise BadDataError(
        f"{one.path}: label {one.label!r} {which}; recipe {recipe.name} has "
        f"{', '.join(of_condition or recipe.label_names)}: change the label, or add it to the recipe"
    )


def _read(one: _Labelled, label: str, recipe: Recipe) -> Recording:
    read = read_file(one.path, ANY).recording
    least_hz = 2 * recipe.signal.bandwidth_hz / (1 - recipe.augmentation.speed)
    if read.sample_rate_hz < least_hz:
        raise BadDataError(
            f"{one.path}: sampled at {read.sample_rate_hz:g} Hz, and {recipe.signal.bandwidth_hz:g} Hz bandwidth needs "
            f"{least_hz:g} Hz; lower signal.bandwidth_hz, or remove the recording"
        )
    if len(read.samples) != recipe.signal.channels:
        raise BadDataError(
            f"{one.path}: {recipe.signal.channels} channels expected, it has {len(read.samples)}; remove the recording"
        )
    return replace(read, name=one.name, label=label, group=one.group)


def _refuse_leaks(folder: Path, added: Sequence[Recording], corpus: Corpus) -> None:
    """Raise where the test of the model would flatter it."""
    groups = {one.group: one.name for one in (*corpus.validation, *corpus.test) if one.group}
    for one in added:
        if one.group in groups:
            raise BadDataError(
                f"{one.name}: is of {one.group!r}, and so is {groups[one.group]} in the validation or test set; remove "
                f"it from {folder}, or draw another split with data.split_seed"
            )
    parts = dict(zip(SETS, ([*corpus.train, *added], [*corpus.validation], [*corpus.test]), strict=True))
    leaks.refuse_shared_samples(parts)
