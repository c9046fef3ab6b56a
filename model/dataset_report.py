"""The data set report before a training: contents of each set, expected precision of the accuracy, warnings."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.model.conditioning import native_window
from drsn.model.confidence_interval import cut, half_width, independent
from drsn.model.data.entry import label_name
from drsn.model.recipe import CwruData, ProtocolData, SyntheticData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.model.corpus import Corpus
    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe

UNEVEN = 3.0
"""Warn if one label has more than this many times the training windows of another."""

SHOWN = 3
"""Names of recordings in a row of the report; metrics.json has all of them."""

FEW = 3
"""Warn if a label has fewer independent test recordings: its accuracy is then nearly meaningless."""


@dataclass(frozen=True)
class DatasetRow:
    """Counts of one label in one set. Recordings of one group are not independent of each other."""

    set: str
    label: str
    recordings: int
    groups: int
    seconds: float
    windows: int
    names: tuple[str, ...] = ()
    """Of the recordings."""

    @property
    def files(self) -> str:
        """The names, shortened to `SHOWN` of them, without the folders down to that of the label."""
        names = [_below(self.label, name) for name in self.names[:SHOWN]]
        more = len(self.names) - SHOWN
        return ", ".join(names) + (f" … {more} more" if more > 0 else "")


def _below(label: str, name: str) -> str:
    parts = name.split("/")
    places = [place for place, part in enumerate(parts[:-1], start=1) if label_name(part) == label]
    return "/".join(parts[places[0] :]) if places else name


@dataclass(frozen=True)
class DatasetReport:
    """A row for each set and label, notes on how the sets were made, and warnings; `str()` gives it as text."""

    rows: tuple[DatasetRow, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        """A line for each row under a line of headings, then one for each note and each warning."""
        width = max(len(row.label) for row in self.rows)
        lines = [f"{'set':<10}  {'label':<{width}}  recordings  groups  seconds  windows  files"]
        lines += [
            f"{row.set:<10}  {row.label:<{width}}  {row.recordings:10d}  {row.groups:6d}  {row.seconds:7.1f}  "
            f"{row.windows:7d}  {row.files}"
            for row in self.rows
        ]
        return "\n".join([*lines, *self.notes, *(f"warning: {warning}" for warning in self.warnings)])


def report_dataset(recipe: Recipe, corpus: Corpus) -> DatasetReport:
    """Count recordings and windows, and derive notes and warnings from the counts; nothing is drawn or trained."""
    sets = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}
    rows = tuple(
        _row(name, label, [recording for recording in part if recording.label == label], recipe)
        for name, part in sets.items()
        if part
        for label in recipe.label_names
    )
    notes = (*(corpus.notes or (_how(recipe),)), *_expected(corpus))
    return DatasetReport(rows, notes, (*map(str, corpus.confounders), *_uneven(rows), *_few(rows)))


def _row(name: str, label: str, recordings: Sequence[Recording], recipe: Recipe) -> DatasetRow:
    return DatasetRow(
        set=name,
        label=label,
        recordings=len(recordings),
        groups=_groups(recordings),
        seconds=sum(recording.n_samples / recording.sample_rate_hz for recording in recordings),
        windows=sum(_windows(recording, recipe) for recording in recordings),
        names=tuple(recording.name for recording in recordings),
    )


def _groups(recordings: Sequence[Recording]) -> int:
    return len({recording.group or recording.name for recording in recordings})


def _windows(recording: Recording, recipe: Recipe) -> int:
    """Number of windows that fit into the recording without overlap."""
    signal = recipe.signal
    return recording.n_samples // native_window(signal.window, recording.sample_rate_hz, signal.sample_rate_hz)


def _how(recipe: Recipe) -> str:
    """Describe the split, for sources whose loaders add no note of their own."""
    data = recipe.data
    if isinstance(data, CwruData):
        return (
            f"split by load: test at {data.test_loads_hp} hp; validation is the last {data.validation_share:.0%} of "
            "each training recording, which makes temperature and threshold optimistic"
        )
    if isinstance(data, SyntheticData):
        return "split by machine: no machine is in two sets"
    return (
        f"split of protocol {data.rung} (docs/trust/accuracy.md)"
        if isinstance(data, ProtocolData)
        else "split by recording"
    )


def _expected(corpus: Corpus) -> tuple[str, ...]:
    """Precision of the test accuracy to come; each group of recordings of a label counts as one trial."""
    if not corpus.test:
        return ()
    if shared := cut(corpus):
        return (f"test accuracy will be optimistic: parts of {shared} test recordings train",)
    count = independent(corpus.test)
    said = (
        f"test accuracy will be known to ±{half_width(count):.0%} at worst: {count} independent recordings "
        "or groups (windows of one recording are not independent), 95 % interval"
    )
    return (said,)


def _uneven(rows: Sequence[DatasetRow]) -> tuple[str, ...]:
    train = sorted((row for row in rows if row.set == "train"), key=lambda row: row.windows)
    if not train or train[-1].windows <= UNEVEN * train[0].windows:
        return ()
    least, most = train[0], train[-1]
    said = (
        f"labels are uneven: {most.label} has {most.windows} training windows and {least.label} {least.windows}; "
        f"training draws labels alike, so the few recordings of {least.label} are repeated often; record more of it"
    )
    return (said,)


def _few(rows: Sequence[DatasetRow]) -> tuple[str, ...]:
    """Warnings for labels with few test groups: one line for all labels with the same number."""
    by_groups: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        if row.set == "test" and 0 < row.groups < FEW:
            by_groups[row.groups].append(row.label)
    return tuple(
        f"{groups} independent test recording(s) of {', '.join(labels)}: accuracy for each such label will be "
        f"±{half_width(groups):.0%} at worst; record more"
        for groups, labels in sorted(by_groups.items())
    )
