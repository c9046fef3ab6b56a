from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.mqtt.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable

CONDITION = {
    "condition": "ball", "label": "ball_007", "state": "active_unacked", "severity": "major", "confidence": 0.97,
    "since": "2026-01-01T00:00:00.000Z", "decided_at": "2026-01-01T00:00:00.000Z", "event_id": "e-7", "active": True,
}  # fmt: skip


@pytest.fixture
def message() -> Callable[..., Message]:
    """`message(topic below the prefix, document)`."""

    def make(topic: str, document: object, *, at_s: float = 0.0) -> Message:
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Message(f"drsn/v1/{topic}", payload, 1, retained=False, received_s=at_s, received_unix_ns=0)

    return make


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """`event(seq, **fields)` of the sensor press4."""
    base = {**CONDITION, "agent": "line4", "epoch": "e1", "sensor": "press4"}
    return lambda seq, **more: {**base, "seq": seq, "event_id": f"e-{seq}", **more}


@pytest.fixture
def alarm() -> Callable[..., dict[str, Any]]:
    """`alarm(seq, condition, ...)` of the sensor press4."""

    def make(seq: int, *conditions: dict[str, Any], **more: object) -> dict[str, Any]:
        return {"agent": "line4", "epoch": "e1", "sensor": "press4", "seq": seq, "conditions": conditions, **more}

    return make


@pytest.fixture
def condition() -> dict[str, Any]:
    return dict(CONDITION)
