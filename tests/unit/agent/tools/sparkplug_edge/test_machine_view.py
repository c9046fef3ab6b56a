from __future__ import annotations

import json
from itertools import count

from drsn.agent.mqtt.message import Message
from drsn.agent.tools.live.live_state import LiveState
from drsn.agent.tools.sparkplug_edge.machine_view import PAUSE_S, SETTLE_S, MachineView

PREFIX = "drsn/v1"


def take(state: LiveState, topic: str, document: dict | None) -> None:
    payload = b"" if document is None else json.dumps(document).encode()
    state.take(Message(f"{PREFIX}/{topic}", payload, 1, retained=True, received_s=0.0, received_unix_ns=0))


def alarm(state: str = "normal") -> dict:
    return {"agent": "line4", "epoch": "e1", "sensor": "press4", "seq": 1, "state": state, "conditions": []}


def test_a_machine_is_alive_while_its_agent_is_online():
    state, view, clock = LiveState(PREFIX), MachineView(), count()
    list(view.changed(state, connected=True, now_s=-1.0))

    def states(*, connected: bool = True) -> list[tuple[str, object]]:
        found = view.changed(state, connected=connected, now_s=next(clock))
        return [(sensor, None if values is None else values["State"]) for sensor, values in found]

    take(state, "press4/alarm", alarm())
    assert states() == [("press4", None)], "its agent is not known"
    take(state, "_agent/line4/status", {"state": "online"})
    assert states() == [("press4", "normal")]
    assert states() == []
    take(state, "_agent/line4/status", {"state": "degraded"})
    assert states() == [], "its alarms are as valid"
    take(state, "press4/alarm", alarm("active_unacked"))
    assert states() == [("press4", "active_unacked")]
    for offline in ("offline", "stopped", "of a later version"):
        take(state, "_agent/line4/status", {"state": offline})
        assert states() == ([("press4", None)] if offline == "offline" else [])
    take(state, "_agent/line4/status", {"state": "online"})
    assert states(connected=False) == []
    assert states() == [], "the retained documents may still come"
    assert states() == [("press4", "active_unacked")]
    take(state, "press4/alarm", None)
    assert states() == [("press4", None)], "forgotten"
    assert states() == []


def test_measured_values_come_with_the_result():
    state, view = LiveState(PREFIX), MachineView()
    take(state, "_agent/line4/status", {"state": "online"})
    take(state, "press4/alarm", alarm())
    list(view.changed(state, connected=True, now_s=0.0))
    take(state, "press4/result", {"sensor": "press4", "condition": "normal", "label": "normal", "confidence": 1,
                                  "rms": 1.5, "unit": "g", "velocity_rms_mm_s": None})  # fmt: skip
    ((_, values),) = view.changed(state, connected=True, now_s=1.0)
    assert values is not None
    assert (values["RMS"], values["RMSUnit"], values["Velocity"]) == (1.5, "g", None)


def test_it_waits_for_the_retained_documents_and_between_two_looks():
    state, view = LiveState(PREFIX), MachineView()
    take(state, "press4/alarm", alarm())
    take(state, "_agent/line4/status", {"state": "online"})

    def alive(now_s: float, *, connected: bool = True) -> list[bool]:
        found = view.changed(state, connected=connected, now_s=now_s)
        return [values is not None for _, values in found]

    assert alive(0.0) == [False]
    assert alive(SETTLE_S - 0.01) == []
    assert alive(SETTLE_S) == [], "too soon after the last look"
    assert alive(SETTLE_S + PAUSE_S) == [True]
    assert alive(2.0, connected=False) == [False]
    assert alive(3.0) == []
    assert alive(3.0 + SETTLE_S) == [True]
