"""Tables of docs/trust/performance.md: what benchmarks/throughput.py and flame.py measured, before and now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def bars_table() -> str:
    """Every measure of throughput.py; a measure that only one of the two runs has stays empty in the other."""
    before, now = _rows("throughput_before", "measure"), _rows("throughput", "measure")
    lines = ["| measure | must | before | now, median of three | least to greatest |", "|---|---|---|---|---|"]
    for name in now | before:
        row = now.get(name, before.get(name, {}))
        was, found = before.get(name), now.get(name)
        spread = f"{_number(found['least'])} to {_number(found['greatest'])}" if found else ""
        lines.append(
            f"| {name} | {row['bar'].replace('>=', '≥').replace('<=', '≤')} | {_number(was and was['median'])} "
            f"| {_number(found and found['median'])} | {spread} |"
        )
    return "\n".join(lines)


def stages_table() -> str:
    """CPU time of each stage of a window."""
    before, now = _rows("flame_before", "stage"), _rows("flame", "stage")
    lines = ["| stage | before, µs | of the whole | now, µs | of the whole |", "|---|---|---|---|---|"]
    for name in now | before:
        cells = [
            f"{row['CPU us a window']:.0f} | {row['share, %']:.0f} %" if row else " | "
            for row in (before.get(name), now.get(name))
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _rows(name: str, key: str) -> dict[str, dict[str, Any]]:
    """Rows of a result by their first column; empty: it was not measured yet."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return {}
    return {row[key]: row for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}


def _number(value: float | None) -> str:
    """Three digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
