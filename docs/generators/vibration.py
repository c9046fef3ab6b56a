"""Tables of docs/use/level.md: the zones by the code, and what `benchmarks/level.py` measured."""

from __future__ import annotations

import json
from pathlib import Path

from drsn.agent.monitoring.vibration_zones import LIMITS_MM_S

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
MACHINES = {
    "large": "group 1: above 300 kW; electrical machines with a shaft height from 315 mm on",
    "medium": "group 2: 15 to 300 kW; shaft height 160 to 315 mm",
}


def zones_table() -> str:
    """The boundaries of each machine group."""
    rows = ["| `machine_group` | machine | support | A/B | B/C | C/D |", "|---|---|---|---|---|---|"]
    for group, limits in LIMITS_MM_S.items():
        size, _, support = group.partition("_")
        rows.append(f"| `{group}` | {MACHINES[size]} | {support} | {' | '.join(f'{limit:.1f}' for limit in limits)} |")
    return "\n".join(rows)


def errors_table() -> str:
    """The error of the velocity, by window and frame."""
    found = json.loads((RESULTS / "level_errors.json").read_text(encoding="utf-8"))["rows"]
    rows = [
        "| window | measured over | line at 10 Hz | at 12.5, 16.6 Hz | at 25 to 900 Hz | a machine, mean | spread |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found:
        window, frame, *errors, mean, spread = row.values()
        cells = [f"{error:.2g} %" for error in errors]
        rows.append(f"| {window} | {frame} | {' | '.join(cells)} | {mean:+.2g} % | {spread:.2g} % |")
    return "\n".join(rows)


def costs_table() -> str:
    """The cost of a window and the memory of a sensor, by rate and window."""
    found = json.loads((RESULTS / "level_cost.json").read_text(encoding="utf-8"))["rows"]
    rows = [
        "| rate | window | velocity, µs of CPU, 32 sensors a batch | one sensor | kurtosis, µs | kB a sensor |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        rate_hz, window, many, one, kurtosis, kilobytes = row.values()
        cells = f"{many:.0f} | {one:.0f} | {kurtosis:.0f} | {kilobytes:.0f}"
        rows.append(f"| {rate_hz / 1000:g} kHz | {window:,} | {cells} |")
    return "\n".join(rows)
