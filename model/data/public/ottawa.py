"""Ottawa: five states under four profiles of changing speed; 200 kHz, the second channel is the encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed

if TYPE_CHECKING:
    import re
    from pathlib import Path

LABELS = {"H": "normal", "I": "inner_race", "O": "outer_race", "B": "ball", "C": "combined"}


def _describe(match: re.Match[str], path: Path) -> RecordingEntry:
    profile = match["profile"].upper()
    label = LABELS[match["kind"].upper()]
    return RecordingEntry(path, "", label, f"profile {profile}", None, 200_000.0, load=profile, variable="Channel_1")


OTTAWA = PublicSet(
    name="ottawa",
    title="University of Ottawa bearing data under time-varying speed",
    home="https://data.mendeley.com/datasets/v43hmbwxpm/1",
    layout="1 Data collected from a healthy bearing/H-A-1.mat",
    labels=tuple(LABELS.values()),
    groups="the profile of the speed: the same bearings are in every set",
    list_entries=lambda folder: listed(folder, r"(?P<kind>[HIOBC])-(?P<profile>[A-D])-\d\.mat", _describe),
)
