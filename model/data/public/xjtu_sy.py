"""XJTU-SY: 15 bearings run to failure, three settings; a file a minute, 25.6 kHz, horizontal and vertical."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed, lives

if TYPE_CHECKING:
    import re
    from pathlib import Path

FAULTS = {
    "1_1": "outer_race", "1_2": "outer_race", "1_3": "outer_race", "1_4": "cage", "1_5": "combined",
    "2_1": "inner_race", "2_2": "outer_race", "2_3": "cage", "2_4": "outer_race", "2_5": "outer_race",
    "3_1": "outer_race", "3_2": "combined", "3_3": "inner_race", "3_4": "inner_race", "3_5": "outer_race",
}  # fmt: skip
"""What failed, as the authors published it (table 3 of the data's description)."""


def _describe(match: re.Match[str], path: Path) -> RecordingEntry:
    bearing = match["bearing"]
    return RecordingEntry(
        path, "", "", bearing, None, 25_600.0, 60.0 * float(match["hz"]), (0,), load=match["load"], machine=bearing
    )


def _list(folder: Path) -> tuple[RecordingEntry, ...]:
    pattern = r"(?P<hz>[\d.]+)Hz(?P<load>[\d.]+kN)/Bearing(?P<bearing>\d_\d)/\d+\.csv"
    found = listed(folder, pattern, _describe)
    return lives(sorted(found, key=lambda entry: (entry.group, int(entry.path.stem))), FAULTS.get)


XJTU_SY = PublicSet(
    name="xjtu_sy",
    title="XJTU-SY bearing data",
    home="https://biaowang.tech/xjtu-sy-bearing-datasets/",
    layout="35Hz12kN/Bearing1_1/1.csv",
    labels=("normal", *dict.fromkeys(FAULTS.values())),
    groups="the bearing; its first fifth is normal, its last tenth has the published fault",
    list_entries=_list,
)
