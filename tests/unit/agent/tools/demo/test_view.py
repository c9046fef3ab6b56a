from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from drsn.agent.mqtt.stub import matches
from drsn.agent.tools.demo.machines import DEMO_MACHINES
from drsn.agent.tools.demo.observer import Observer
from drsn.agent.tools.demo.view import RECENT_EVENTS, render

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message

SENSOR = "pump2-de"
RAISED = {"sensor": SENSOR, "state": "active_unacked", "condition": "inner_race", "severity": "major", "votes": 6,
          "of": 8, "active": True, "since": "2026-01-01T12:34:56.000Z", "event_id": "1"}  # fmt: skip
NORMAL = {"sensor": "fan1-de", "state": "normal", "condition": None, "severity": None, "votes": None, "of": None}
HEALTH = {"windows": 350, "uptime_s": 12.5, "latency_ms": {"p50": 21.04, "p95": 30.0, "p99": 43.26, "max": 50.0}}


@pytest.fixture
def observer() -> Observer:
    return Observer("drsn/v1")


@pytest.fixture
def published(observer: Observer, make_message: Callable[..., Message]) -> Callable[[str, dict], None]:
    """The agent publishes a document."""
    return lambda topic, document: observer.note(make_message(f"drsn/v1/{topic}", json.dumps(document).encode()))


@pytest.fixture
def shown(observer: Observer) -> Callable[..., str]:
    """Render the view for a terminal of so many columns."""

    def of(columns: int = 100) -> str:
        console = Console(record=True, width=columns, file=io.StringIO())
        console.print(render(observer, DEMO_MACHINES, elapsed_s=9.0, seconds=30.0))
        return console.export_text()

    return of


def row(text: str, sensor: str) -> str:
    (line,) = (line for line in text.splitlines() if line.strip().startswith(sensor))
    return line


def test_before_the_first_document_every_machine_is_shown(shown: Callable[..., str]):
    text = shown()
    for machine in DEMO_MACHINES:
        assert machine.story in row(text, machine.sensor)
        assert "…" in row(text, machine.sensor)
    assert "9 of 30 s" in text
    assert "0 windows" in text


def test_a_machine_shows_its_diagnosis_confidence_and_alarm(shown, published):
    published(f"{SENSOR}/result", {"sensor": SENSOR, "condition": "ball", "confidence": 0.874})
    published(f"{SENSOR}/alarm", RAISED)
    published("fan1-de/alarm", NORMAL)
    cells = re.split(r"\s{2,}", row(shown(80), SENSOR).strip())
    assert cells == [SENSOR, "inner race", "ball", "87%", "inner_race, major", "6/8"]
    assert "normal" in row(shown(), "fan1-de")
    assert "…" in row(shown(), "mill3-nde")


def test_an_alarm_is_red_and_a_healthy_machine_green(observer: Observer, published):
    published(f"{SENSOR}/alarm", RAISED)
    published("fan1-de/alarm", NORMAL)
    console = Console(force_terminal=True, width=100, file=io.StringIO(), color_system="standard")
    console.print(render(observer, DEMO_MACHINES, 0.0, 30.0))
    text = console.file.getvalue()
    assert "\x1b[1;31minner_race, major" in text
    assert "\x1b[32mnormal" in text


def test_the_health_line_shows_throughput_and_latency(shown, published):
    published("_agent/demo/health", HEALTH)
    line = next(line for line in shown().splitlines() if "windows/s" in line)
    assert "350 windows" in line
    assert "28.0 windows/s" in line
    assert "latency p50 21, p99 43 ms" in line


def test_a_health_document_without_latencies_yet_is_shown(shown, published):
    published("_agent/demo/health", {**HEALTH, "windows": 0, "uptime_s": 0.0, "latency_ms": {}})
    assert "0.0 windows/s" in shown()


def test_the_last_events_stand_below_each_once(shown, published):
    for number in (1, 1, 2):  # a broker may deliver an event twice
        published(f"{SENSOR}/event", {**RAISED, "event_id": str(number), "active": number == 1})
    text = shown()
    assert text.count("12:34:56  pump2-de: inner_race raised (6 of 8 windows)") == 1
    assert text.count("12:34:56  pump2-de: inner_race cleared") == 1
    for number in range(3, 99):
        published(f"{SENSOR}/event", {**RAISED, "event_id": str(number)})
    assert shown().count("12:34:56") == RECENT_EVENTS


def test_what_the_view_shows_is_subscribed_to(observer: Observer):
    topics = ("a/result", "a/alarm", "a/event", "_agent/demo/health")
    assert all(any(matches(f, f"drsn/v1/{topic}") for f in observer.filters) for topic in topics)
