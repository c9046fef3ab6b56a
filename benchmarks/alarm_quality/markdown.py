"""The alarm-quality study (benchmarks/alarms.py) as Markdown tables; `measured` puts them together."""

from __future__ import annotations

from typing import Any


def delays_table(rows: list[dict[str, Any]]) -> str:
    """Return delays of the agent's own rules by condition: median / 95th percentile in seconds."""
    names = list(rows[0]["delay"])
    lines = [f"| | rule | {' | '.join(map(_plain, names))} |", f"|{'---|' * (2 + len(names))}"]
    for row in rows:
        if row["rule"].startswith(("votes", "sequential")):
            seconds = [[row["delay"][name][key] for key in ("median_s", "p95_s")] for name in names]
            cells = [" / ".join("never" if s is None else f"{s:.2f}" for s in pair) for pair in seconds]
            lines.append(f"| {row['snr_db']:g} dB | {row['rule']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def foreign_signals_table(kinds: list[dict[str, Any]]) -> str:
    """Return how many streams of each kind of foreign signal raise a machine alarm, by rule."""
    rules = list(kinds[0]["misled"])
    head = ["", "streams", "abstained", *(rule.replace(">=", "≥") for rule in rules)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for kind in kinds:
        cells = [kind["kind"], kind["streams"], f"{100 * kind['abstained']:.1f} %", *kind["misled"].values()]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def rules_table(rows: list[tuple[str, dict[str, Any]]]) -> str:
    """Return false alarms and delays of the slowest condition; `rows` are (place, row of the study)."""
    lines = [
        "| | rule | false alarms, quiet | disturbed | median s | p95 s | missed | wrong condition |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for place, row in rows:
        false = [row["false_alarms"][scene] for scene in ("quiet", "disturbed")]
        delay = row["delay"].values()
        seconds = [[d[key] for d in delay] for key in ("median_s", "p95_s")]
        cells = [
            place,
            row["rule"].replace(">=", "≥"),
            *(f"{f['alarms']:,} (< {f['upper_95_per_day']:.3g})" for f in false),
            *("never" if None in values else f"{max(values):.2f}" for values in seconds),
            *(f"{100 * max(d[key] for d in delay):.1f} %" for key in ("missed", "wrong")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
