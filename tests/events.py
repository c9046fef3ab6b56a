"""A state, a cursor and events, for tests of what remembers them."""

from __future__ import annotations

from drsn.agent.acquisition.continuity import Cursor
from drsn.agent.decision.alarm_state import Condition, SensorState, State
from drsn.agent.decision.running_gate import Gate
from drsn.agent.decision.voting import Votes
from drsn.agent.schema.documents import BundleReference, EventDocument
from drsn.model.contract import Severity

BALL = Condition(
    State.ACTIVE_ACKED,
    Votes(5, 8),
    evidence=3.5,
    held_ns=2,
    suppressed_by="gate",
    seq=7,
    label="ball_007",
    weight=21.25,
)
SENSOR = SensorState({"ball": BALL}, seq=7, gate=Gate(running=True, settled_ns=5, rpm=1797.5), period_s=0.17)
CURSOR = Cursor(boot_id=3, seq=2**32 - 1, end_unix_ns=2**62, touched=True)


def event(seq: int, sensor: str = "a") -> EventDocument:
    return EventDocument(
        agent="x", epoch="e", sensor=sensor, seq=seq, bundle=BundleReference(name="b", version="1", sha256="0" * 64),
        condition="ball", label="ball", event_id=f"{sensor}{seq}", state=State.ACTIVE_UNACKED, active=True, acked=False,
        severity=Severity.MAJOR, since="", decided_at="", clock_synced=True, confidence=1, votes=1, of=1,
        window_label="ball",
    )  # fmt: skip
