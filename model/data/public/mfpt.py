"""MFPT: one rig at 25 Hz, outer and inner race, several loads. Files at 97,656 and 48,828 Hz, which they state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed

if TYPE_CHECKING:
    import re
    from pathlib import Path

LABELS = {"baseline": "normal", "innerracefault": "inner_race", "outerracefault": "outer_race"}
RPM = 1500.0


def _describe(match: re.Match[str], path: Path) -> RecordingEntry:
    label = LABELS[match["kind"].lower()]
    return RecordingEntry(path, "", label, match["stem"], rpm=RPM, variable="bearing.gs")


MFPT = PublicSet(
    name="mfpt",
    title="MFPT Fault Data Sets",
    home="https://www.mfpt.org/fault-data-sets/",
    layout="1 - Three Baseline Conditions/baseline_1.mat",
    labels=tuple(LABELS.values()),
    groups="the file: one bearing a label, at several loads",
    list_entries=lambda folder: listed(
        folder, r"(?P<stem>(?P<kind>baseline|InnerRaceFault|OuterRaceFault)\w*)\.mat", _describe
    ),
)
