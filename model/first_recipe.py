"""Write a commented first recipe for a folder of own recordings (`drsn-train look FOLDER --recipe OUT.toml`)."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from drsn.model.data.entry import SETS, label_name
from drsn.model.data.files import read_file
from drsn.model.data.folder import list_folder
from drsn.model.data.group_proposal import propose_group_pattern
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from drsn.model.data.content import Choice
    from drsn.model.data.entry import RecordingEntry

HEALTHY = re.compile(r"(^|_)(normal|healthy|good|ok|baseline|reference|no_fault|nofault|intact|gut)(_|$)")
"""Words in the name of a healthy label."""

MOST_RATE_HZ = 12_800.0
"""Most defects of bearings ring below 5 kHz, and twice the rate takes twice the time of a training."""

BAND = 0.45
"""Bandwidth over the rate: below the half by the change of speed in training (6 %)."""

WINDOW_S, TURNS, LEAST_SAMPLES = 0.16, 2.0, 1024
"""Length of a window, at least: in seconds, in turns of the slowest shaft, in samples."""

WINDOWS = 10
"""Windows in the shortest recording, at least: with fewer the window is made shorter, down to 256 samples."""

STEPS = 600
"""A minute or two of one core for a window of 2,048 samples."""


class Survey(NamedTuple):
    """What a recipe needs of the recordings."""

    entries: tuple[RecordingEntry, ...]
    rate_hz: float
    """The lowest."""
    shortest_s: float
    channels: int
    slowest_rpm: float | None
    """None: one of the recordings has no speed."""


def first_recipe(folder: Path, choice: Choice, name: str) -> str:
    """The text of a recipe for the recordings in `folder`; the training and the bundle are called `name`.

    Raises:
        BadDataError: a file can't be read, or they differ in channels, or no label is of a healthy machine.
        StorageError: a file can't be read.
        UnavailableError: the library of a file's format is not installed.
    """
    survey = _survey(folder, choice)
    labels = tuple(dict.fromkeys(entry.label for entry in survey.entries))
    healthy = [label for label in labels if HEALTHY.search(label)]
    if not healthy or len(labels) < 2:
        raise BadDataError(
            f"{folder}: labels are {', '.join(labels)}; a recipe needs one of a healthy machine, called normal or "
            "healthy, and one of a fault: lay the recordings out as normal/FILE and FAULT/FILE"
        )
    parts = (_head(name), _signal(survey), _data(folder, choice, survey), OPTIMISATION)
    return "\n".join([*parts, *(_label(label, healthy=label in healthy) for label in labels)])


def _survey(folder: Path, choice: Choice) -> Survey:
    entries = list_folder(folder).entries
    rates, lengths, speeds, channels = [], [], [], set()
    for entry in entries:
        recording = read_file(entry.path, entry.choice(choice)).recording
        rates.append(entry.sample_rate_hz or recording.sample_rate_hz)
        lengths.append(recording.n_samples / rates[-1])
        speeds.append(entry.rpm or recording.rpm)
        channels.add(len(recording.samples))
    if len(channels) > 1:
        raise BadDataError(f"{folder}: recordings have {sorted(channels)} channels; choose some with --channels")
    known = [speed for speed in speeds if speed]
    slowest = min(known) if len(known) == len(entries) else None
    return Survey(entries, min(rates), min(lengths), channels.pop(), slowest)


def _head(given: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-") or "own"
    return (
        "# A first recipe, written by drsn-train look. docs/reference/recipes.md has every key.\n"
        f'name = "{name[:40]}"\nversion = "1"\n'
    )


def _signal(survey: Survey) -> str:
    rate_hz = min(survey.rate_hz, MOST_RATE_HZ)
    turns_s = TURNS * 60 / survey.slowest_rpm if survey.slowest_rpm else 0.0
    window = 1 << (round(max(LEAST_SAMPLES, WINDOW_S * rate_hz, turns_s * rate_hz)) - 1).bit_length()
    while window > 256 and window * WINDOWS > survey.shortest_s * rate_hz:
        window //= 2
    return (
        "[signal]\n"
        f"window = {window}            # samples: {window / rate_hz:.2g} s; it should hold two turns of the shaft\n"
        f"channels = {survey.channels}\n"
        f"sample_rate_hz = {rate_hz:g}  # of the model; the slowest recording has {survey.rate_hz:g} Hz\n"
        f"bandwidth_hz = {int(BAND * rate_hz)}     # nothing above it reaches the model\n"
    )


def _data(folder: Path, choice: Choice, survey: Survey) -> str:
    lines = ["[data]", 'source = "folder"', f"path = {json.dumps(str(folder))}"]
    if choice.sample_rate_hz:
        lines.append(f"sample_rate_hz = {choice.sample_rate_hz:g}  # of files that do not contain it")
    if choice.variable:
        lines.append(f"variable = {json.dumps(choice.variable)}")
    if choice.channels:
        lines.append(f"channels = {json.dumps(list(choice.channels))}")
    if choice.decimal:
        lines.append(f"decimal = {json.dumps(choice.decimal)}")
    return "\n".join([*lines, *_split(survey.entries)]) + "\n"


def _split(entries: Sequence[RecordingEntry]) -> list[str]:
    """How the recordings are divided, with the reason."""
    if entries[0].set is not None:
        return ["# the folder gives the sets: train, validation, test"]
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry.label, []).append(entry.name.partition("/")[2] or entry.name)
    groups = {label: {entry.group for entry in entries if entry.label == label} for label in names}
    if (found := propose_group_pattern(names)) is not None and len({e.group for e in entries}) == len(entries):
        pattern, of_names = found
        return [
            f"# Recordings with one of these in their names stay together in one set: {', '.join(of_names[:6])}.",
            "# Take this line out if they have nothing in common.",
            f"group_pattern = '{pattern}'",
        ]
    if min(map(len, groups.values())) < len(SETS):
        few = Counter({label: len(each) for label, each in groups.items()}).most_common()[-1]
        return [
            f"# {few[0]} has {few[1]} recording(s), and each of three sets needs one of each label. So each recording",
            "# is cut into three parts. The accuracy is then too high; record more, and take this line out.",
            'split = "time"',
        ]
    return [
        "# Each file is independent of the others. If some are of one machine, day or run, name it:",
        "# group_pattern = '(?P<group>pump[0-9]+)'",
    ]


OPTIMISATION = f"""[augmentation]
noise_only_share = 0.3  # of healthy windows: noise in place of the recording, so that noise is no fault

[optimisation]
steps = {STEPS}           # more, if the loss still falls

[evaluation]
snr_db = [10, 0]      # the test is repeated with noise of this strength
"""


def _label(name: str, *, healthy: bool) -> str:
    condition = "normal" if healthy else name
    state = 'healthy = true\nseverity = "minor"' if healthy else 'severity = "major"    # minor, major, critical'
    comment = "" if healthy else "  # what the alarm is about; several labels may have one condition"
    return f'[[labels]]\nname = "{label_name(name)}"\ncondition = "{condition}"{comment}\n{state}\n'
