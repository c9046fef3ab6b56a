"""Recordings of real rigs as they were recorded, by the loaders of `drsn-train` (docs/reference/files.md).

They lie in $DRSN_DATA_DIR (docs/contribute/data.md), those of MFPT in $DRSN_MFPT_DIR. `self_built` is for development;
the others are looked at once.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.model.data import cwru, hit_sm
from drsn.model.data.content import ANY
from drsn.model.data.files import read_file
from drsn.model.data.public.table import PUBLIC_SETS
from drsn.model.sources import data_dir

if TYPE_CHECKING:
    from drsn.model.data.entry import RecordingEntry
    from drsn.model.data.recording import Recording

BEARING = {"self_built": "6205", "spectraquest": "6205", "mfpt": "NICE", "cwru": "6205"}
"""As the settings take it. Nothing names the bearing of HIT-SM: docs/trust/bearing-quality.md has how it was found."""


def condition_of(label: str) -> str:
    """The condition of a label: without the size of the defect."""
    return re.sub(r"_\d+$", "", label)


def read_entry(entry: RecordingEntry, name: str) -> Recording:
    """Read one recording of a public set, under a name that is a sensor's id too."""
    recording = read_file(entry.path, entry.choice(ANY)).recording
    return replace(recording, name=name, label=entry.label, group=name, rpm=entry.rpm, load=entry.load)


def mfpt(folder: Path | None = None) -> list[Recording]:
    """All labelled recordings of MFPT, whose files lie anywhere below the folder."""
    entries = PUBLIC_SETS["mfpt"].entries(folder or Path(os.environ["DRSN_MFPT_DIR"]))
    return [read_entry(entry, f"mfpt-{entry.path.stem}") for entry in entries]


def hit_sm_as_recorded(rig: str) -> list[Recording]:
    """The recordings of one rig at 51.2 kHz, by label and speed."""
    labels = list(hit_sm.FILES)
    entries = [entry for entry in PUBLIC_SETS["hit_sm"].entries(data_dir() / "hit_sm") if entry.machine == rig]
    entries.sort(key=lambda entry: (labels.index(entry.label), entry.rpm))
    return [read_entry(entry, f"{rig}-{entry.path.stem.replace('_', '-')}") for entry in entries]


def cwru_recordings() -> list[Recording]:
    """The recordings of CWRU, drive end, at 12 kHz."""
    return list(cwru.read_loads(data_dir() / "cwru", cwru.LOADS_HP))
