"""The study as one table on the terminal."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def table(found: dict[str, Any]) -> list[str]:
    """Return lines: each SNR and rule, the rules at equal false alarms, the alarms on foreign signals."""
    days = found["plan"]["days"]
    rows = [["SNR", "rule", "false alarms: quiet", "disturbed", "median s", "p95 s", "missed", "wrong"]]
    rows += [_row(f"{row['snr_db']:g} dB", row) for row in found["rules"]]
    equal = found["equal_false_alarms"]
    rows += [_row(f"{row['snr_db']:g} dB, outspoken", row) for row in found["outspoken"]]
    for model in ("abstaining", "outspoken"):
        for scene, of_scene in equal[model].items():
            rows += [_row(f"equal, {scene}, {model}", row) for row in of_scene]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    seen = f"{found['windows_that_the_network_saw']:,} windows, {found['hours_of_signal_that_the_network_saw']:g} h"
    often = f"one in {found['plan']['disturbance_every_s']:g} s"
    most = f"{equal['at_most_per_sensor_day']:g} a day at {equal['chosen_at_snr_db']:g} dB"
    for kind in found["strangers"]:
        counts = ", ".join(f"{rule} {count}" for rule, count in kind["misled"].items())
        lines.append(f"{kind['kind']}, {kind['streams']} streams of {kind['hours_each']:g} h: {counts} raise an alarm")
    lines += [
        "",
        f"False alarms in {days:g} sensor-days (a tenth for the first two rules), and the upper 95 % bound a day.",
        f"Disturbed: {often}.",
        f"Delays are of the slowest condition. Days are drawn, stretch by stretch, from {seen}.",
        "dropping: the sequential test without the windows that the model abstains from.",
        "outspoken: as if the model never abstained; the most probable condition counts.",
        f"equal: the fastest rule of each family with at most {most}, on the same stretches.",
    ]
    return lines


def _row(place: str, row: dict[str, Any]) -> list[str]:
    false = [row["false_alarms"][name] for name in ("quiet", "disturbed")]
    delay = row["delay"].values()
    return [
        place,
        row["rule"],
        *(f"{f['alarms']} (< {f['upper_95_per_day']:.3g})" for f in false),
        _slowest(d["median_s"] for d in delay),
        _slowest(d["p95_s"] for d in delay),
        f"{100 * max(d['missed'] for d in delay):.1f} %",
        f"{100 * max(d['wrong'] for d in delay):.1f} %",
    ]


def _slowest(seconds: Iterable[float | None]) -> str:
    values = [inf if value is None else value for value in seconds]
    return "never" if inf in values else f"{max(values):.2f}"
