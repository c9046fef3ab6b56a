"""The tables of docs/reference/brokers.md that are measured: benchmarks/results/brokers.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "benchmarks" / "results" / "brokers.json"
NAMES = {"mosquitto": "mosquitto", "rabbitmq": "RabbitMQ", "aedes": "aedes", "amqtt": "amqtt"}


def matrix() -> str:
    """What each broker did in `benchmarks/brokers.py`, one column for each."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    rows = found["rows"]
    head = [f"{NAMES[row['broker']]} {row['version']}" for row in rows]
    lines = ["|" + "|".join(f" {cell} " for cell in ("", *head)) + "|", "|---" * (len(head) + 1) + "|"]
    for name, cells in {
        "MQTT 5 at CONNECT": [row["MQTT 5"] for row in rows],
        "retained messages": [_retained(row) for row in rows],
        "dots in topics": ["kept" if row["dots kept"] else "become slashes" for row in rows],
        "messages in flight without an acknowledgement": [_in_flight(row) for row in rows],
        "Receive Maximum of 5": [_kept_maximum(row) for row in rows],
        "will, after a cut line": [_seconds(row["will after s"]) for row in rows],
        "will delay of 2 s": [_seconds(row["will delay of 2 s"]) for row in rows],
        "queued for a client that is away, of 3,000": [f"{row['queued of 3000']:,}" for row in rows],
        "messages that later ones overtake, of 600": [str(row["overtaken"]) for row in rows],
        "shared subscriptions": ["yes" if row["shared subscriptions"] else "no" for row in rows],
        "after SIGTERM: session, queued of 20, retained of 20": [_left(row["after SIGTERM"]) for row in rows],
        "after SIGKILL: session, queued of 20, retained of 20": [_left(row["after SIGKILL"]) for row in rows],
        "starts within": [_seconds(row["after SIGKILL"]["starts in s"]) for row in rows],
    }.items():
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Measured by `benchmarks/brokers.py`, code of {found['code']}."])


def _retained(row: dict[str, Any]) -> str:
    return {"by wildcard": "by wildcard", "by topic": "**by exact topic only**"}.get(row["retained"], "none")


def _in_flight(row: dict[str, Any]) -> str:
    return "no limit up to 300" if row["in flight"] >= 300 else str(row["in flight"])


def _kept_maximum(row: dict[str, Any]) -> str:
    count = row["Receive Maximum 5"]
    return "no MQTT 5" if count is None else "kept" if count <= 5 else f"broken: {count}"


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f} s"


def _left(after: dict[str, Any]) -> str:
    return f"{'kept' if after['session'] else 'lost'}, {after['queued of 20']}, {after['retained of 20']}"
