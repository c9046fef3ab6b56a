"""A simulation for people: one table with a verdict, and one plot."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from drsn.model.report.canvas import canvas

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.figure import Figure

HEAD = ["SNR", "false alarms", "median s", "p95 s", "missed", "wrong condition", "delay target"]


def lines_of(found: dict[str, Any]) -> list[str]:
    """Return the verdict and then the table as lines, of what `simulate` found."""
    rows = [HEAD, *(_row(level) for level in found["levels"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*_verdict(found), "", *table, "", "Delays are of the slowest condition."]


def _row(level: dict[str, Any]) -> list[str]:
    delay = level["delay"].values()
    return [
        f"{level['snr_db']:g} dB",
        str(level["false_alarms"]),
        _seconds(d["median_s"] for d in delay),
        _seconds(d["p95_s"] for d in delay),
        f"{100 * max(d['missed'] for d in delay):.1f} %",
        f"{100 * max(d['wrong'] for d in delay):.1f} %",
        "met" if level["met"] else "NOT met",
    ]


def _verdict(found: dict[str, Any]) -> list[str]:
    false, targets = found["false_alarms"], found["targets"]
    most, delay_s = targets["false_alarms_per_sensor_day"], targets["delay_s"]
    counted = f"{false['alarms']} in {false['days']:g} healthy sensor-days"
    bound = f"at most {false['upper_95_per_day']:g} a day (95 % bound)"
    met = "meet" if found["met"] else "do NOT meet"
    lines = [f"the alarms {met} the targets with your settings: {found['settings']}"]
    lines += [f"{_mark(false['met'])}false alarms: {counted}, so {bound}; target: {most:g} a day"]
    if not false["met"] and not false["alarms"]:
        lines.append(f"{'':8}none was counted, but more days are needed to show that: --days {3 / most:.3g}")
    late = [f"{level['snr_db']:g} dB" for level in found["levels"] if not level["met"]]
    lines.append(
        f"{_mark(not late)}delay: 95 % of the faults of each condition within {delay_s:g} s"
        + (f"; not at {', '.join(late)}" if late else " at every SNR")
    )
    return lines


def _mark(met: bool) -> str:  # noqa: FBT001 (the verdict is the value)
    return f"{'met' if met else 'NOT met':8}"


def _seconds(delays: Iterable[float | None]) -> str:
    slowest = max(inf if value is None else value for value in delays)
    return "never" if slowest == inf else f"{slowest:.2f}"


def plot(found: dict[str, Any]) -> Figure:
    """Draw the delay of each condition over the signal-to-noise ratio: 95th percentile solid, median dotted.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    levels = sorted(found["levels"], key=lambda level: level["snr_db"])
    false, targets = found["false_alarms"], found["targets"]
    figure = canvas(7, 4.5)
    axes = figure.subplots()
    snr_db = [level["snr_db"] for level in levels]
    for colour, condition in enumerate(levels[0]["delay"]):
        for key, style, label in (("p95_s", "-", condition), ("median_s", ":", None)):
            seconds = [level["delay"][condition][key] for level in levels]
            drawn = [float("nan") if value is None else value for value in seconds]
            axes.plot(snr_db, drawn, style, marker="o", ms=3, color=f"C{colour}", label=label)
    axes.axhline(targets["delay_s"], color="0.5", lw=1, ls="--", label="target")
    axes.set_yscale("log")
    axes.set_xlabel("SNR, dB")
    axes.set_ylabel("delay, s: 95th percentile and (dotted) median")
    axes.set_title(f"{false['alarms']} false alarms in {false['days']:g} healthy sensor-days", fontsize=10)
    axes.legend(fontsize=8)
    return figure
