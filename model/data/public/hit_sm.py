"""HIT-SM: bearings with artificial defects on two rigs, at three speeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data import hit_sm
from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed

if TYPE_CHECKING:
    import re
    from pathlib import Path

LABELS = {begin.lower(): label for label, begin in hit_sm.FILES.items()}


def _describe(match: re.Match[str], path: Path) -> RecordingEntry | None:
    label, rig, rpm = LABELS.get(match["kind"].lower()), match["rig"].lower(), match["rpm"]
    if label is None:
        return None
    return RecordingEntry(path, "", label, f"{rig} {rpm} rpm", None, hit_sm.RECORDED_HZ, float(rpm), machine=rig)


HIT_SM = PublicSet(
    name="hit_sm",
    title="HIT-SM bearing data",
    home="",
    layout="spectraquest/IR2_600.mat",
    labels=tuple(hit_sm.FILES),
    groups="rig and speed: the same bearings are in every set",
    list_entries=lambda folder: listed(folder, r"(?P<rig>\w+)/(?P<kind>[A-Za-z]+\d?)_(?P<rpm>\d+)\.mat", _describe),
)
