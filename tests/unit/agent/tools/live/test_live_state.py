from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.mqtt.message import Message
from drsn.agent.tools.live.event_sequence import Stream
from drsn.agent.tools.live.live_state import LiveState

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "drsn/v1"
S = Stream("line4", "e1", "press4")


def test_what_stands_comes_first_then_each_event_once(message: Callable, event: Callable, alarm: Callable, condition):
    state = LiveState(PREFIX)
    (current,) = state.take(message("press4/alarm", alarm(7, condition)))
    assert (current.kind, current.document["sensor"], current.document["event_id"]) == ("current", "press4", "e-7")
    assert state.take(message("press4/event", event(7))) == [], "it is in the document already"
    (update,) = state.take(message("press4/event", event(8, state="normal")))
    assert (update.kind, update.document["seq"]) == ("event", 8)
    assert state.take(message("press4/event", event(8, state="normal"))) == []
    assert state.take(message("press4/alarm", alarm(8))) == []


def test_a_document_after_a_pause_shows_what_was_missed(message: Callable, event: Callable, alarm: Callable):
    state = LiveState(PREFIX)
    state.take(message("press4/alarm", alarm(7)))
    assert state.take(message("press4/alarm", alarm(10))) == []
    assert state.events.missing() == {S: 8}
    found = state.missed([event(seq) for seq in (8, 9, 10)])
    assert [(each.kind, each.document["seq"]) for each in found] == [("missed", 8), ("missed", 9), ("missed", 10)]
    assert state.events.missing() == {}


def test_an_agent_s_state_is_an_update_when_it_changes(message: Callable):
    state = LiveState(PREFIX)
    for name, count in (("online", 1), ("online", 0), ("offline", 1)):
        found = state.take(message("_agent/line4/status", {"state": name}))
        assert [each.document["state"] for each in found] == [name] * count


def test_rates_are_measured_between_two_documents(message: Callable):
    state, result = LiveState(PREFIX), {"sensor": "press4", "condition": "ball", "label": "ball", "confidence": 0.9}
    state.take(message("press4/result", {**result, "windows": 3}, at_s=10.0))
    assert state.results["press4"].windows_per_s is None
    state.take(message("press4/result", {**result, "windows": 3}, at_s=12.0))
    assert state.results["press4"].windows_per_s == 1.5
    for windows, uptime_s, instance in ((10, 1.0, "a"), (30, 6.0, "a"), (5, 1.0, "b")):
        health = {"windows": windows, "uptime_s": uptime_s, "instance": instance}
        state.take(message("_agent/line4/health", health))
    assert state.windows_per_s == {"line4": 4.0}


BAD = [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"seq": ' + b"9" * 5000 + b"}", {"agent": "line4"}]


@pytest.mark.parametrize("payload", BAD)
@pytest.mark.parametrize("topic", ["press4/event", "press4/result"])
def test_what_no_agent_wrote_is_counted(payload: object, topic: str, message: Callable):
    state = LiveState(PREFIX)
    assert state.take(message(topic, payload)) == []
    assert state.malformed_events == 1


SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(SCALAR, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x), max_leaves=4)
TOPICS = ["press4/event", "press4/alarm", "press4/result", "_agent/a/status", "_agent/a/health", "_agent/a/alarms"]
NAMES = ("agent", "epoch", "sensor", "seq", "conditions", "state", "windows", "uptime_s", "alarms")
FIELDS = st.dictionaries(st.sampled_from(NAMES), JSON)


@given(st.lists(st.tuples(st.sampled_from([*TOPICS, "x", "a/b/c/d"]), FIELDS | JSON), max_size=10))
def test_no_document_stops_it(documents: list[tuple[str, object]]):
    state = LiveState(PREFIX)
    for topic, document in documents:
        payload = json.dumps(document).encode()
        state.take(Message(f"{PREFIX}/{topic}", payload, 1, retained=False, received_s=0.0, received_unix_ns=0))
