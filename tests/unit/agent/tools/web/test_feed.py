from __future__ import annotations

import json
import queue
from typing import TYPE_CHECKING, Any

import pytest
from web_page import soon

from drsn.agent.mqtt.message import Message
from drsn.agent.tools.live.live_state import LiveState, Update
from drsn.agent.tools.web.feed import CHANGE_S, PageFeed
from drsn.agent.tools.web.history_keeper import HistoryKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENT = {
    "agent": "line4", "epoch": "e1", "sensor": "press4", "seq": 8, "event_id": "e-8", "condition": "ball",
    "label": "ball_007", "state": "active_unacked", "severity": "major", "since": "2026-01-01T00:00:00.000Z",
    "decided_at": "2026-01-01T00:00:00.000Z",
}  # fmt: skip
RESULT = {
    "sensor": "press4",
    "condition": "ball",
    "label": "x",
    "confidence": 1.0,
    "rms": 0.5,
    "probabilities": {"x": 1.0},
}


class Broker:
    """A subscriber whose messages the test sends."""

    where = "broker:1883"
    last_error = "refused"
    denied: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.state = LiveState("drsn/v1")
        self.connected, self.fails = True, 0
        self.lost: list[Any] = []
        self.commands: list[tuple[str, str, dict]] = []
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def put(self, topic: str, document: object) -> None:
        payload = b"" if document is None else json.dumps(document).encode()
        self._messages.put(Message(f"drsn/v1/{topic}", payload, 1, retained=False, received_s=0.0, received_unix_ns=0))

    def updates(self, timeout_s: float) -> list[Update]:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("a fault of the code")
        try:
            return self.state.take(self._messages.get(timeout=timeout_s))
        except queue.Empty:
            return []

    def command(self, agent: str, verb: str, fields: dict, on_reply: Callable) -> None:
        self.commands.append((agent, verb, fields))
        on_reply("refused here", None)


class Receiver:
    """What notifications will be."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.closed = False

    def take(self, update: Update, now_s: float) -> None:
        assert now_s > 0
        self.taken.append(update.kind)

    def tick(self, _retained: object, now_s: float) -> None:
        assert now_s > 0

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def sent() -> list[tuple[str, dict]]:
    return []


@pytest.fixture
def feed(broker: Broker, sent: list) -> Iterator[PageFeed]:
    found = PageFeed(broker, HistoryKeeper(None, 30), lambda kind, document: sent.append((kind, document)))
    found.start()
    yield found
    found.stop()


def changes(sent: list, key: str) -> list[Any]:
    return [document[key] for kind, document in sent if kind == "change" and document[key]]


def test_only_what_changes_is_sent(feed: PageFeed, broker: Broker, sent: list):
    broker.put("_agent/line4/status", {"state": "online", "epoch": "e1"})
    for sensor in ("press4", "fan1"):
        broker.put(f"{sensor}/alarm", {"agent": "line4", "epoch": "e1", "seq": 7, "conditions": []})
    soon(lambda: len({m["sensor"] for each in changes(sent, "machines") for m in each}) == 2)
    soon(lambda: feed.ask(lambda it: it.alarm("fan1")).result())
    sent.clear()
    broker.put("press4/result", RESULT)
    (machine,) = soon(lambda: changes(sent, "machines"))[0]
    assert (machine["sensor"], machine["result"]["rms"]) == ("press4", 0.5)
    assert changes(sent, "agents") == changes(sent, "broker") == changes(sent, "removed") == []
    broker.put("fan1/alarm", None)
    assert soon(lambda: changes(sent, "removed")) == [["fan1"]]
    broker.connected = False
    assert soon(lambda: changes(sent, "broker"))[0] == {"connected": False, "where": "broker:1883", "error": "refused"}
    assert feed.ask(lambda it: it.state()).result()["machines"][0]["state"] == "unknown"


def test_many_results_come_as_few_changes(feed: PageFeed, broker: Broker, sent: list):
    broker.put("press4/alarm", {"agent": "line4", "seq": 7, "conditions": []})
    soon(lambda: changes(sent, "machines"))
    sent.clear()
    for _ in range(200):
        broker.put("press4/result", RESULT)
    soon(lambda: changes(sent, "machines"))
    soon(broker._messages.empty)
    assert len(changes(sent, "machines")) <= 3
    assert CHANGE_S == 0.25
    assert feed.ask(lambda it: it.recent.json("press4")).result()["rms"]
    assert feed.ask(lambda it: it.minutes.present("press4")).result().rms_max == 0.5


def test_an_event_is_sent_at_once_kept_and_given_to_the_receivers(broker: Broker, sent: list):
    receiver = Receiver()
    history = HistoryKeeper(None, 30)
    feed = PageFeed(broker, history, lambda kind, document: sent.append((kind, document)), (receiver,))
    feed.start()
    broker.put("press4/event", EVENT)
    broker.put("press4/event", EVENT)
    soon(lambda: [kind for kind, _ in sent if kind == "alarm"] == ["alarm"])
    assert history.ask(lambda it: it.events("press4", 9)).result() == [EVENT]
    feed.stop()
    assert (receiver.taken, receiver.closed) == (["event"], True)


def test_a_command_gets_its_answer_and_a_fault_does_not_end_the_feed(feed: PageFeed, broker: Broker):
    broker.fails = 1
    found = feed.command("line4", "ack", {"sensor": "press4", "by": "Ana"}).result(10)
    assert (found.problem, broker.commands) == ("refused here", [("line4", "ack", {"sensor": "press4", "by": "Ana"})])
    with pytest.raises(ZeroDivisionError):
        feed.ask(lambda _: 1 / 0).result(10)
