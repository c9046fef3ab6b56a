"""SEU: gearbox with faults of bearings and gears, two settings of speed and load; eight columns of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed

if TYPE_CHECKING:
    import re
    from pathlib import Path

LABELS = {
    "health": "normal", "ball": "ball", "inner": "inner_race", "outer": "outer_race", "comb": "combined",
    "chipped": "chipped_tooth", "miss": "missing_tooth", "root": "root_crack", "surface": "surface_wear",
}  # fmt: skip
PLANETARY_X = 1
"""Column of the planetary gearbox in x: column 0 is the motor, 4 the torque."""


def _describe(match: re.Match[str], path: Path) -> RecordingEntry:
    setting = f"{match['hz']}-{match['load']}"
    return RecordingEntry(
        path, "", LABELS[match["kind"].lower()], f"{match['set'].lower()} {setting}", None, 5120.0,
        60.0 * float(match["hz"]), (PLANETARY_X,), load=setting,
    )  # fmt: skip


SEU = PublicSet(
    name="seu",
    title="Southeast University gearbox data",
    home="https://github.com/cathysiyu/Mechanical-datasets",
    layout="gearbox/bearingset/ball_20_0.csv",
    labels=tuple(LABELS.values()),
    groups="the setting, of which there are two: a split by group is refused, one in time is optimistic",
    list_entries=lambda folder: listed(
        folder, rf"(?P<set>bearingset|gearset)/(?P<kind>{'|'.join(LABELS)})_(?P<hz>\d+)_(?P<load>\d+)\.csv", _describe
    ),
)
