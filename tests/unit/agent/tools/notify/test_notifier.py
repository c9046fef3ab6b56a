"""The whole chain without a network: documents of a broker in, messages at a receiver out."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

from drsn.agent.mqtt.message import Message
from drsn.agent.tools.live.live_state import LiveState
from drsn.agent.tools.notify.notifier import Notifier
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.tools.notify.notification import Notification

STANDS = {"condition": "ball", "label": "ball", "state": "active_unacked", "severity": "major", "active": True,
          "confidence": 0.9, "since": "2026-01-01T00:00:00.000Z", "event_id": "e-1"}  # fmt: skip
ENDED = {**STANDS, "state": "normal", "active": False, "since": "2026-01-01T01:00:00.000Z"}


class Page:
    """What the process of the page does with a notifier."""

    def __init__(self, entries, path: Path) -> None:
        self.state, self.notifier, self.got = LiveState("drsn/v1"), Notifier(entries, path), []
        self.now_s = 1_000_000.0
        for delivery in self.notifier.deliveries.values():
            delivery._channel = self

    def send(self, notification: Notification) -> None:
        self.got.append(f"{notification.receiver} {notification.change} {notification.alarm.subject.condition}")

    def take(self, topic: str, document: object) -> None:
        message = Message(f"drsn/v1/{topic}", json.dumps(document).encode(), 1, retained=False, received_s=0.0,
                          received_unix_ns=0)  # fmt: skip
        for update in self.state.take(message):
            self.notifier.take(update, self.now_s)

    def event(self, seq: int, condition: dict[str, object]) -> None:
        more = {"agent": "line4", "epoch": "e", "sensor": "press4", "seq": seq, "event_id": f"e-{seq}"}
        self.take("press4/event", {**condition, **more})

    def alarm(self, seq: int, *conditions: dict[str, object]) -> None:
        more = {"agent": "line4", "epoch": "e", "sensor": "press4", "seq": seq}
        self.take("press4/alarm", {**more, "conditions": conditions})

    def status(self, state: str) -> None:
        self.take("_agent/line4/status", {"agent": "line4", "state": state})

    def health(self, *sources: str) -> None:
        rows = [{"source": s, "reason": "gaps", "remedy": "look", "since": "2026"} for s in sources]
        self.take("_agent/line4/health", {"agent": "line4", "not_watched": rows})

    def later(self, seconds: float) -> list[str]:
        """Let time pass, and wait until every message is delivered."""
        for _ in range(int(seconds)):
            self.now_s += 1
            self.notifier.tick(self.state.retained, self.now_s)
        deadline_s = time.monotonic() + 10
        own = [each for each in self.notifier.deliveries.values() if each._channel is self]
        while any(each.waiting for each in own) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        time.sleep(0.02)
        got, self.got = self.got, []
        return got


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "notify.json"


def test_events_become_messages_and_reach_the_file(entry, path):
    page = Page([entry()], path)
    page.alarm(0)
    page.event(1, STANDS)
    page.alarm(1, STANDS)
    assert page.later(1) == ["phone raised ball"]
    page.event(2, ENDED)
    page.alarm(2)
    assert page.later(1) == ["phone cleared ball"]
    page.notifier.close()
    (row,) = json.loads(path.read_text())["messages"]
    assert (row["receiver"], row["last"]["change"]) == ("phone", "cleared")
    assert page.notifier.counts()["phone"]["sent"] == 2


def test_after_a_restart_only_what_has_changed_is_sent(entry, path):
    page = Page([entry()], path)
    page.alarm(1, STANDS)
    assert page.later(1) == ["phone raised ball"]
    page.notifier.close()
    again = Page([entry()], path)
    again.status("online")
    again.alarm(1, STANDS)
    assert again.later(20) == []
    again.notifier.close()
    last = Page([entry()], path)
    last.alarm(4)  # it ended while no page ran
    assert last.later(20) == ["phone cleared ball"]
    assert last.later(20) == []


def test_what_was_not_delivered_before_a_stop_is_sent_by_the_next_start(entry, path):
    page = Page([entry()], path)
    page.send = lambda _notification: (_ for _ in ()).throw(OSError("internal"))  # given up: counts as done
    blocked = threading.Event()
    page.notifier.deliveries["phone"]._channel = type("Slow", (), {"send": lambda _s, _n: blocked.wait(20)})()
    page.alarm(1, STANDS)
    page.notifier.tick(page.state.retained, page.now_s)
    page.notifier.close()
    assert not path.exists()
    again = Page([entry()], path)
    again.alarm(1, STANDS)
    assert again.later(1) == ["phone raised ball"]
    blocked.set()


def test_the_retained_alarm_counts_where_an_event_was_lost(entry, path):
    page = Page([entry()], path)
    page.alarm(1, STANDS)
    assert page.later(10) == ["phone raised ball"]
    page.alarm(5)
    assert page.later(20) == ["phone cleared ball"]
    page.alarm(9, {**STANDS, "since": "2026-01-03T00:00:00.000Z", "event_id": "e-9"})
    assert page.later(20) == ["phone raised ball"]


def test_an_older_document_does_not_end_a_newer_alarm(entry, path):
    page = Page([entry()], path)
    page.alarm(3)
    page.event(4, STANDS)  # its alarm document comes later
    assert page.later(30) == ["phone raised ball"]


def test_an_agent_and_its_sources(entry, path):
    page = Page([entry(changes=["raised", "cleared", "agent_offline", "not_watched"], after_s=30)], path)
    page.status("online")
    page.health("press9", "fan1")
    assert page.later(100) == ["phone raised not_watched"] * 2
    page.status("offline")
    assert page.later(29) == []
    assert page.later(5) == ["phone raised agent_offline"]
    page.health()  # of an agent that is offline: old
    assert page.later(20) == []
    page.status("online")
    assert sorted(page.later(20)) == ["phone cleared agent_offline"] + ["phone cleared not_watched"] * 2


def test_a_slow_receiver_delays_no_other(entry, path):
    page = Page([entry("slow"), entry("quick")], path)
    gate = threading.Event()
    page.notifier.deliveries["slow"]._channel = type("Slow", (), {"send": lambda _s, _n: gate.wait(20)})()
    begun_s = time.monotonic()
    for number in range(300):
        condition = {**STANDS, "condition": f"c{number}", "since": f"t{number}"}
        page.event(number + 1, condition)
    assert time.monotonic() - begun_s < 5
    got: list[str] = []
    while len(got) < 300:
        assert time.monotonic() - begun_s < 20
        got += page.later(1)
    assert all(each.startswith("quick") for each in got), "all 300, although the queue has 200"
    gate.set()
    page.notifier.close()


def test_a_file_that_cannot_be_used_is_one_line(entry, path, tmp_path):
    path.mkdir()
    with pytest.raises(ConfigurationError, match="delete it or correct"):
        Notifier([entry()], path)
    with pytest.raises(ConfigurationError, match="occurs twice"):
        Notifier([entry(), entry()], tmp_path / "other")
    with pytest.raises(ConfigurationError, match="password file"):
        Notifier([entry(token_file=tmp_path / "absent")], tmp_path / "other")


def test_a_disk_that_is_full_holds_no_message(entry, tmp_path, caplog):
    page = Page([entry()], tmp_path / "absent" / "notify.json")
    page.alarm(1, STANDS)
    assert page.later(3) == ["phone raised ball"]
    page.later(2)
    assert "cannot be written" in caplog.text
