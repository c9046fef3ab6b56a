"""UESTC: four states at four speeds, one axis; 20 kHz. Five files in a row are one measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed

if TYPE_CHECKING:
    import re
    from pathlib import Path

LABELS = {"N": "normal", "B": "ball", "I": "inner_race", "O": "outer_race"}


def _describe(match: re.Match[str], path: Path) -> RecordingEntry:
    rpm = match["rpm"]
    label = LABELS[match["kind"].upper()]
    return RecordingEntry(path, "", label, f"{rpm} rpm", None, 20_000.0, float(rpm), variable="Data")


UESTC = PublicSet(
    name="uestc",
    title="UESTC bearing data",
    home="https://doi.org/10.1109/JSEN.2025.3635217",
    layout="N_1000_3.mat",
    labels=tuple(LABELS.values()),
    groups="the speed: the same bearings are in every set",
    list_entries=lambda folder: listed(folder, r"(?P<kind>[NBIO])_(?P<rpm>\d+)_\d+\.mat", _describe),
)
