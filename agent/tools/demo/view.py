"""The live view on the terminal: one line for each machine, the agent's throughput and latency, the last events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from drsn.agent.schema.condition_text import condition_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from drsn.agent.tools.demo.machines import DemoMachine
    from drsn.agent.tools.demo.observer import Document, Observer

RECENT_EVENTS = 8
STYLES = {
    "normal": "green",
    "active_unacked": "bold red",
    "active_acked": "red",
    "cleared_unacked": "yellow",
    "not_watched": "magenta",
}


def render(observer: Observer, machines: Sequence[DemoMachine], elapsed_s: float, seconds: float) -> RenderableType:
    """Return what the terminal shows now."""
    with observer.lock:
        table = _machines(observer, machines)
        health_line = _health_line(observer.health, elapsed_s, seconds)
        events = [_event(document) for document in observer.events[-RECENT_EVENTS:]]
    return Group(table, health_line, *events)


def _machines(observer: Observer, machines: Sequence[DemoMachine]) -> Table:
    table = Table(
        title="drsn-agent demo: vibration in, alarms out",
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),  # so that the longest names fit 80 columns
    )
    for column, justify in (("sensor", "left"), ("replayed", "left"), ("condition", "left"),
                            ("confidence", "right"), ("alarm", "left"), ("votes", "right")):  # fmt: skip
        table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for machine in machines:
        result, alarm = observer.results.get(machine.sensor), observer.alarms.get(machine.sensor)
        table.add_row(
            machine.sensor,
            machine.story,
            condition_text(result["condition"], None) if result else "…",
            f"{result['confidence']:.0%}" if result else "",
            _alarm(alarm),
            f"{alarm['votes']}/{alarm['of']}" if alarm and alarm["votes"] is not None else "",
        )
    return table


def _alarm(alarm: Document | None) -> Text:
    if alarm is None:
        return Text("…", style="dim")
    state = alarm["state"]
    text = state if alarm["condition"] is None else f"{condition_text(alarm['condition'], None)}, {alarm['severity']}"
    return Text(text, style=STYLES.get(state, ""))


def _health_line(health: Document, elapsed_s: float, seconds: float) -> Text:
    latency = health.get("latency_ms") or {}
    rate = health["windows"] / max(health["uptime_s"], 0.1) if health else 0.0
    parts = [
        f"{min(elapsed_s, seconds):.0f} of {seconds:.0f} s",
        f"{health.get('windows', 0)} windows",
        f"{rate:.1f} windows/s",
    ]
    if latency:
        parts.append(f"latency p50 {latency['p50']:.0f}, p99 {latency['p99']:.0f} ms")
    return Text("  |  ".join(parts), style="dim")


def _event(event: Document) -> Text:
    verb = "raised" if event["active"] else "cleared"
    what = f"{event['since'][11:19]}  {event['sensor']}: {condition_text(event['condition'], None)} {verb}"
    return Text(f"{what} ({event['votes']} of {event['of']} windows)", style="red" if event["active"] else "green")
