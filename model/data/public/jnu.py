"""JNU: one column of text a file, four states at three speeds; 50 kHz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed

if TYPE_CHECKING:
    import re
    from pathlib import Path

LABELS = {"n": "normal", "ib": "inner_race", "ob": "outer_race", "tb": "ball"}


def _describe(match: re.Match[str], path: Path) -> RecordingEntry:
    rpm = match["rpm"]
    return RecordingEntry(path, "", LABELS[match["kind"].lower()], f"{rpm} rpm", None, 50_000.0, float(rpm))


JNU = PublicSet(
    name="jnu",
    title="Jiangnan University bearing data",
    home="https://github.com/ClarkGableWang/JNU-Bearing-Dataset",
    layout="ib600_2.csv",
    labels=tuple(LABELS.values()),
    groups="the speed: the same bearings are in every set",
    list_entries=lambda folder: listed(folder, r"(?P<kind>n|ib|ob|tb)(?P<rpm>\d+)_[\d_]+\.csv", _describe),
)
