from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.mqtt.message import Message
from drsn.agent.tools.live.live_state import LiveState

if TYPE_CHECKING:
    from collections.abc import Callable

WHY = {"reason": "wrong_rate", "remedy": "Set the sample rate.", "since": "2026-01-01"}


def condition(name: str = "ball", **more: object) -> dict[str, Any]:
    base = {"label": f"{name}_007", "state": "active_unacked", "severity": "major", "confidence": 0.97}
    return {"condition": name, "since": "2026-01-01", "event_id": f"e-{name}", **base, **more}


def put(live: LiveState, topic: str, document: object, at_s: float = 0.0) -> None:
    payload = json.dumps(document).encode()
    live.take(Message(f"drsn/v1/{topic}", payload, 1, retained=False, received_s=at_s, received_unix_ns=0))


@pytest.fixture
def live() -> LiveState:
    """An agent with four sensors, and another one that is offline."""
    state = LiveState("drsn/v1")
    put(state, "_agent/line4/status", {"state": "online", "warnings": ["a certificate ends soon"]})
    put(state, "_agent/line5/status", {"state": "offline"})
    for windows, uptime_s in ((10, 1.0), (60, 11.0)):
        put(state, "_agent/line4/health", {
            "windows": windows, "uptime_s": uptime_s, "sensors": 4, "gaps": 3, "inbox": 2,
            "latency_ms": {"p50": 40.0, "p99": 90.5}, "not_watched": [{**WHY, "source": "plant/x y/frame"}],
        }, 100.0)  # fmt: skip
    alarms: dict[str, dict[str, Any]] = {
        "broken": {"conditions": [condition("inner_race", severity="critical"), condition()]},
        "shelved": {"conditions": [condition(severity="critical", suppressed_by="shelved", shelved_until="later")]},
        "healthy": {},
        "blind": {"not_watched": WHY},
        "strange": {"conditions": [condition("unknown", label="ball_007", severity="minor")]},
    }
    for sensor, alarm in alarms.items():
        put(state, f"{sensor}/alarm", {"agent": "line4", "epoch": "e", "sensor": sensor, "seq": 1, **alarm})
    put(state, "lost/alarm", {"agent": "line5", "epoch": "e", "sensor": "lost", "seq": 1})
    for at_s in (90.0, 92.0):
        result = {"sensor": "healthy", "condition": "normal", "label": "normal", "confidence": 0.99, "windows": 8}
        put(state, "healthy/result", result, at_s)
    return state


@pytest.fixture
def publish() -> Callable[..., None]:
    return put
