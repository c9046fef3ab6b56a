"""MAFAULDA: a fault simulator, 49 speeds a fault and severity; 50 kHz, eight columns, the first is a tachometer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.public.public_set import PublicSet, listed

if TYPE_CHECKING:
    import re
    from pathlib import Path

LABELS = {
    "normal": "normal", "imbalance": "imbalance", "horizontal-misalignment": "misalignment",
    "vertical-misalignment": "misalignment", "ball_fault": "ball", "cage_fault": "cage", "outer_race": "outer_race",
}  # fmt: skip
UNDERHANG_RADIAL = 2
"""Column of the inner bearing in radial direction: the same for all faults, or the sensor would tell the fault."""


def _describe(match: re.Match[str], path: Path) -> RecordingEntry:
    severity = match["severity"]
    group = f"{match['place'] or ''}{match['kind']}/{severity}".lower() if severity else f"normal/{path.stem}"
    return RecordingEntry(
        path, "", LABELS[match["kind"].lower()], group, None, 50_000.0, 60.0 * float(path.stem), (UNDERHANG_RADIAL,),
        load=severity or "",
    )  # fmt: skip


MAFAULDA = PublicSet(
    name="mafaulda",
    title="MAFAULDA machinery fault database",
    home="https://www02.smt.ufrj.br/~offshore/mfs/page_01.html",
    layout="underhang/ball_fault/6g/12.288.csv",
    labels=tuple(dict.fromkeys(LABELS.values())),
    groups="fault and severity, at all speeds; of normal the file",
    list_entries=lambda folder: listed(
        folder,
        rf"(?P<place>(?:underhang|overhang)/)?(?P<kind>{'|'.join(LABELS)})/(?:(?P<severity>[\d.]+(?:g|mm))/)?\d+\.?\d*\.csv",
        _describe,
    ),
)
