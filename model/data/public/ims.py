"""IMS: three tests of four bearings run to failure at 2,000 rpm; 20 kHz, files named by the time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed, lives

if TYPE_CHECKING:
    import re
    from pathlib import Path

FAULTS = {
    "1st_test bearing 3": "inner_race", "1st_test bearing 4": "ball", "2nd_test bearing 1": "outer_race",
    "3rd_test bearing 3": "outer_race",
}  # fmt: skip
"""What had failed at the end of each test; the other bearings had not."""

BEARINGS = (1, 2, 3, 4)
TESTS = {"1st_test": "1st_test", "2nd_test": "2nd_test", "3rd_test": "3rd_test", "4th_test": "3rd_test"}
"""The archive calls the folder of the third test `4th_test`."""


def _describe(match: re.Match[str], path: Path) -> RecordingEntry:
    return RecordingEntry(path, "", "", TESTS[match["test"].lower()], None, 20_000.0, 2000.0)


def _list(folder: Path) -> tuple[RecordingEntry, ...]:
    files = listed(folder, r"(?P<test>[1-4](?:st|nd|rd|th)_test)/(?:txt/)?\d{4}(?:\.\d\d){5}", _describe)
    each = [
        replace(
            file,
            name=f"{file.name}[{bearing}]",
            group=f"{file.group} bearing {bearing}",
            machine=f"{file.group} bearing {bearing}",
            channels=((bearing - 1) * (2 if file.group == "1st_test" else 1),),  # the first test has two axes a bearing
        )
        for file in sorted(files, key=lambda file: file.path.name)
        for bearing in BEARINGS
    ]
    return lives(each, FAULTS.get)


IMS = PublicSet(
    name="ims",
    title="IMS bearing data, University of Cincinnati",
    home="https://data.nasa.gov/dataset/ims-bearings",
    layout="1st_test/2003.10.22.12.06.24",
    labels=("normal", *dict.fromkeys(FAULTS.values())),
    groups="the bearing, so that each fault has one or two: a split by group is refused, one in time is optimistic",
    list_entries=_list,
)
