"""CWRU: bearings with artificial defects, drive end. Files by number; `drsn.model.data.cwru` knows their traps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data import cwru
from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed

if TYPE_CHECKING:
    import re
    from pathlib import Path


def _describe(match: re.Match[str], path: Path) -> RecordingEntry | None:
    number = int(match["number"])
    if number not in cwru.LABEL_AND_LOAD:
        return None
    label, load_hp = cwru.LABEL_AND_LOAD[number]
    load = f"{load_hp} hp"
    return RecordingEntry(path, "", label, load, rpm=cwru.RPM[load_hp], load=load)


CWRU = PublicSet(
    name="cwru",
    title="Case Western Reserve University Bearing Data",
    home="https://engineering.case.edu/bearingdatacenter",
    layout="105.mat",
    labels=tuple(cwru.FIRST_FILE),
    groups="the load: the same bearings are in every set",
    list_entries=lambda folder: listed(folder, r"(?P<number>\d+)(?:_partial)?\.mat", _describe),
)
