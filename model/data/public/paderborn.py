"""Paderborn: 32 bearings, artificial and real damage, four settings of speed, torque and force; 64 kHz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed

if TYPE_CHECKING:
    import re
    from pathlib import Path

LABELS = {"K0": "normal", "KA": "outer_race", "KI": "inner_race", "KB": "combined"}


def _describe(match: re.Match[str], path: Path) -> RecordingEntry:
    code = match["code"].upper()
    return RecordingEntry(
        path, "", LABELS[code[:2]], code, None, 64_000.0, 100.0 * float(match["hundreds"]),
        load=match["load"].upper(), machine=code, variable="*.Y.vibration_1",
    )  # fmt: skip


PADERBORN = PublicSet(
    name="paderborn",
    title="Paderborn University bearing data",
    home="https://mb.uni-paderborn.de/kat/forschung/bearing-datacenter",
    layout="KA01/N15_M07_F10_KA01_1.mat",
    labels=tuple(LABELS.values()),
    groups="the bearing, at all settings",
    list_entries=lambda folder: listed(
        folder, r"N(?P<hundreds>\d\d)_(?P<load>M\d\d_F\d\d)_(?P<code>K[0AIB]\d\d)_\d+\.mat", _describe
    ),
)
