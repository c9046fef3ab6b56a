"""examples/subscribers: three languages, one scenario with a real agent and a real broker.

Each subscriber starts late, is cut off, gets repetitions, and loses the agent.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from c_program import compiled
from journal_agent import Journal, event
from relay import Relay

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "subscribers"
PACKAGES = ROOT / "tests" / "node_red" / "node_modules"
INNER_RACE = next(machine for machine in DEMO_MACHINES if machine.fault == "inner_race")
SENSOR = INNER_RACE.sensor
LANGUAGES = ("python", "node", "c")

pytestmark = pytest.mark.slow


def command_of(language: str, folder: Path) -> list[str]:
    """How the subscriber is started."""
    if language == "python":
        return [sys.executable, str(EXAMPLES / "follow.py")]
    if language == "c":
        headers = ("mosquitto.h", "cjson/cJSON.h")
        return [str(compiled(EXAMPLES / "follow.c", folder, headers, "-lmosquitto", "-lcjson"))]
    if not (PACKAGES / "mqtt").is_dir():
        told = "needs the npm package mqtt: make example-tools"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    return ["node", str(EXAMPLES / "follow.js")]


@contextmanager
def following(command: list[str], port: int, folder: Path) -> Iterator[Callable[[], list[str]]]:
    """A subscriber; a function that returns the lines that it has printed."""
    output = folder / "followed"
    environment = {**os.environ, "NODE_PATH": str(PACKAGES)}
    with (
        output.open("wb") as out,
        (folder / "errors").open("wb") as errors,
        subprocess.Popen([*command, "127.0.0.1", str(port)], stdout=out, stderr=errors, env=environment) as process,
    ):
        try:
            yield lambda: output.read_text().splitlines()
            assert process.poll() is None, (folder / "errors").read_text()
        finally:
            process.kill()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_subscriber_misses_no_event_and_shows_no_old_alarm_as_valid(
    language: str, mosquitto, make_agent: Callable, run_agent: Callable, wait_until: Callable, tmp_path: Path
):
    command = command_of(language, tmp_path)
    agent = make_agent(mosquitto.url)
    agent.start()
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for sent in frames([record(INNER_RACE, 3.0, DEMO_MACHINES.index(INNER_RACE))], plan, 1_700_000_000_000_000_000):
        mosquitto.publish(sent.topic, sent.payload)
    alarm = f"drsn/v1/{SENSOR}/alarm"
    wait_until(lambda: mosquitto.one(alarm).get("condition") == "inner_race", what=agent.text())
    first = mosquitto.one(alarm)
    relay = Relay(mosquitto.port)
    with following(command, relay.port, tmp_path) as lines:
        standing = f"alarm {SENSOR} active_unacked inner_race {first['event_id']}"
        wait_until(lambda: standing in lines(), what="the alarm that was raised before")
        assert "agent tester online" in lines()
        relay.joined = False
        for words in (["ack", SENSOR, "inner_race"], ["out-of-service", SENSOR, "inner_race"]):
            assert run_agent(*words, "--broker", mosquitto.url).returncode == 0
        relay.joined = True
        wait_until(lambda: sum(line.startswith("event") for line in lines()) >= 2, what="the two events")
        shown = [line for line in lines() if line.startswith("event")]
        assert [line.split()[:5] for line in shown] == [
            ["event", SENSOR, str(first["seq"] + more), "inner_race", "active_acked"] for more in (1, 2)
        ]
        assert f"alarm {SENSOR} active_acked inner_race {shown[-1].split()[5]}" in lines()
        journal = json.loads(run_agent("events", SENSOR, "--broker", mosquitto.url, "--json").stdout)["events"]
        mosquitto.publish(f"drsn/v1/{SENSOR}/event", json.dumps(journal[-1]).encode())
        agent.stop(signal.SIGKILL)
        wait_until(lambda: lines()[-1] == f"alarm {SENSOR} not_valid", what="the alarm is not valid any more")
        assert "agent tester offline" in lines()
        assert [line for line in lines() if line.startswith("event")] == shown, "the repetition is no new event"
    relay.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_subscriber_pages_through_a_long_gap_and_reports_what_is_lost(
    language: str, mosquitto, wait_until: Callable, tmp_path: Path
):
    command = command_of(language, tmp_path)
    agent = Journal(mosquitto.port)
    agent.connection.start()
    wait_until(lambda: agent.connection.connected, what="the agent")
    agent.connection.publish("drsn/v1/_agent/line4/status", b'{"state": "online", "epoch": "e1"}', qos=1, retain=True)
    with following(command, mosquitto.port, tmp_path) as lines:
        wait_until(lambda: "agent line4 online" in lines(), what="the status")
        agent.raise_()
        wait_until(lambda: "event press4 8 ball active_unacked e-8" in lines(), what="the first event of the sensor")
        for _ in range(5):
            agent.raise_(publish=False)
        agent.kept -= {9, 12}
        agent.raise_()
        agent.connection.publish("drsn/v1/press4/event", b"[1, 2", qos=1)
        agent.connection.publish("drsn/v1/press4/alarm", b"7", qos=1)
        wait_until(lambda: any(" 14 " in line for line in lines()), what="the last event")
        mosquitto.publish("drsn/v1/press4/event", json.dumps(event(15)).encode())  # it comes at once
        agent.seq = 15
        wait_until(lambda: any(" 15 " in line for line in lines()), what="the next event")
        shown = [line for line in lines() if line.startswith(("event", "lost"))]
        assert [" ".join(line.split()[:3]) for line in shown] == [
            "event press4 8", "lost press4 9", "event press4 10", "event press4 11", "lost press4 12",
            "event press4 13", "event press4 14", "event press4 15",
        ]  # fmt: skip
        told = (tmp_path / "errors").read_text()
        assert told.count("not a document of an agent: drsn/v1/press4/") == 2
    agent.connection.stop()
