"""What each scenario did and saw, as a row of benchmarks/results/chaos.json: where `make chaos` says so."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from _report import commit, machine

LONG = os.environ.get("DRSN_CHAOS") == "long"


def often(short: int, long: int) -> int:
    """How often a fault is made: in CI, and by `make chaos`."""
    return long if LONG else short


def write(row: dict[str, Any]) -> None:
    """Replace the scenario's row."""
    print(json.dumps(row))  # noqa: T201 (pytest shows it with -s, or when the test fails)
    path = os.environ.get("DRSN_CHAOS_REPORT")
    if not path:
        return
    row = {**row, "code": commit()}
    report = Path(path)
    rows = json.loads(report.read_text(encoding="utf-8"))["rows"] if report.exists() else []
    rows = [each for each in rows if each["scenario"] != row["scenario"]] + [row]
    told = {"machine": machine(), "rows": sorted(rows, key=lambda each: each["scenario"])}
    report.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
