"""FEMTO (PRONOSTIA, PHM 2012): 17 bearings run to failure, three settings; a file every 10 s, 25.6 kHz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed, lives

if TYPE_CHECKING:
    import re
    from pathlib import Path

SETTINGS = {"1": (1800.0, "4000 N"), "2": (1650.0, "4200 N"), "3": (1500.0, "5000 N")}
"""Speed in rpm and radial force by the first digit of the bearing's name."""

CUT = ("test_set",)
"""Folders whose lives end before the failure, and whose bearings are whole in another folder."""


def _describe(match: re.Match[str], path: Path) -> RecordingEntry | None:
    bearing = match["bearing"]
    if match["set"].lower() in CUT or bearing[0] not in SETTINGS:
        return None
    rpm, load = SETTINGS[bearing[0]]
    return RecordingEntry(path, "", "", bearing, None, 25_600.0, rpm, (0,), load, bearing)


def _list(folder: Path) -> tuple[RecordingEntry, ...]:
    found = listed(folder, r"(?P<set>\w+)/Bearing(?P<bearing>\d_\d)/acc_\d+\.csv", _describe)
    return lives(sorted(found, key=lambda entry: (entry.group, entry.path.stem)), lambda _: "worn")


FEMTO = PublicSet(
    name="femto",
    title="FEMTO-ST PRONOSTIA bearing data",
    home="https://github.com/wkzs111/phm-ieee-2012-data-challenge-dataset",
    layout="Learning_set/Bearing1_1/acc_00001.csv",
    labels=("normal", "worn"),
    groups="the bearing; its first fifth is normal, its last tenth is worn (the authors name no fault)",
    list_entries=_list,
)
