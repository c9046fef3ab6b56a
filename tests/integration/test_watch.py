"""`drsn-agent watch` against a real broker, which also goes away for a while."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from journal_agent import Journal

from drsn.agent.__main__ import main
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.tools.live.subscriber import Subscriber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def journal(mosquitto, wait_until: Callable) -> Iterator[Journal]:
    agent = Journal(mosquitto.port)
    agent.connection.start()
    wait_until(lambda: agent.connection.connected, what="the agent")
    agent.state()
    yield agent
    agent.connection.stop()


@contextmanager
def following(port: int) -> Iterator[tuple[Subscriber, Callable[[int], list[tuple[str, int | None]]]]]:
    """A subscriber, and a function that waits for so many updates of sensors."""
    with Subscriber(BrokerAddress("127.0.0.1", port), "drsn/v1", "test") as subscriber:

        def found(count: int, timeout_s: float = 15.0) -> list[tuple[str, int | None]]:
            updates, deadline_s = [], time.monotonic() + timeout_s
            while len(updates) < count and time.monotonic() < deadline_s:
                updates += [u for u in subscriber.updates(0.1) if u.kind != "agent"]
            return [(u.kind, u.document.get("seq")) for u in updates]

        yield subscriber, found


def test_events_that_were_missed_are_asked_for_page_by_page(mosquitto, journal: Journal):
    with following(mosquitto.port) as (subscriber, found):
        assert found(1) == [("current", 7)]
        for _ in range(4):
            journal.raise_(publish=False)
        journal.raise_()
        assert found(5) == [("event", 12), ("missed", 8), ("missed", 9), ("missed", 10), ("missed", 11)]
        assert subscriber.lost == []


def test_events_that_the_agent_has_no_more_are_reported_as_lost(mosquitto, journal: Journal):
    journal.kept -= {8, 9}
    with following(mosquitto.port) as (subscriber, found):
        assert found(1) == [("current", 7)]
        for _ in range(3):
            journal.raise_(publish=False)
        journal.raise_()
        assert found(2) == [("event", 11), ("missed", 10)]
        assert [(lost.count, lost.reason) for lost in subscriber.lost] == [(2, "not in the agent's journal")]


def test_a_broker_that_goes_away_costs_no_event(mosquitto, journal: Journal, wait_until: Callable):
    with following(mosquitto.port) as (subscriber, found):
        assert found(1) == [("current", 7)]
        mosquitto.kill()
        wait_until(lambda: not subscriber.connected, what="the loss is noticed")
        for _ in range(3):
            journal.raise_(publish=False)
        mosquitto.start()
        wait_until(lambda: journal.connection.connected, what="the agent is back")
        journal.state()
        assert found(3) == [("missed", 8), ("missed", 9), ("missed", 10)]


def test_the_command_shows_what_stands_and_ends_with_once(mosquitto, journal: Journal, capsys):
    def shown(*options: str) -> str:
        assert main(["watch", "--once", "--broker", mosquitto.url, *options]) == 0
        return capsys.readouterr().out

    (line,) = shown("--json").splitlines()
    assert (json.loads(line)["kind"], json.loads(line)["event_id"]) == ("current", "e-7")
    assert shown("--severity", "critical") == ""
    assert "ball (ball_007)" in shown("press?")


def test_a_command_runs_for_each_event_and_sigterm_ends_in_order(mosquitto, journal, tmp_path, wait_until: Callable):
    out = tmp_path / "out"
    words = ["watch", "--broker", mosquitto.url, "--shell", "--exec", f'echo "$DRSN_EVENT_ID $DRSN_TEXT" >> {out}']
    process = subprocess.Popen(
        [sys.executable, "-m", "drsn.agent", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert "stands" in process.stdout.readline() + process.stdout.readline()  # the agent's state is the other
    journal.raise_()
    wait_until(lambda: out.exists() and out.read_text().count("\n"), what="the command")
    process.send_signal(signal.SIGTERM)
    shown, told = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out.read_text() == "e-8 press4: ball (ball_007), active_unacked, major\n"
    assert "e-8" in shown
    assert "--exec: 1 run, 0 failed" in told


@pytest.mark.slow
def test_without_a_broker_it_ends_with_its_name_and_the_reason(run_agent: Callable):
    done = run_agent("watch", "--broker", "mqtt://127.0.0.1:9")
    assert done.returncode == 69
    assert "broker 127.0.0.1:9: no connection in 10 s: [Errno 111] Connection refused" in done.stderr
