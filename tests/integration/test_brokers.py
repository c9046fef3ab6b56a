"""RabbitMQ, aedes and amqtt: packets in, an alarm out, acknowledged; with `protocol = "auto"` and over WebSocket."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from other_brokers import ProcessBroker
    from servers import Agent

ACTOR = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")
SENSOR = ACTOR.sensor
STATUS, SUMMARY, ALARM = "drsn/v1/_agent/tester/status", "drsn/v1/_agent/tester/alarms", f"drsn/v1/{SENSOR}/alarm"

pytestmark = pytest.mark.slow


@pytest.fixture(params=["rabbitmq", "aedes", "amqtt"])
def broker(request: pytest.FixtureRequest) -> ProcessBroker:
    return request.getfixturevalue(request.param)


@pytest.fixture
def shell(run_agent: Callable, broker: ProcessBroker) -> Callable[..., dict]:
    """`shell(command, *arguments)`: the JSON of a command of an operator."""

    def run(command: str, *arguments: str) -> dict:
        done = run_agent(command, *arguments, "--broker", broker.url, "--json")
        assert done.returncode == 0, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    return run


def connected(broker: ProcessBroker, agent: Agent, wait_until: Callable) -> dict:
    """Wait until the agent is subscribed, and return its status."""
    wait_until(lambda: broker.one(STATUS, 2).get("ingest") == "connected", 60, agent.text())
    return broker.one(STATUS)


def raise_alarm(broker: ProcessBroker, agent: Agent, wait_until: Callable) -> None:
    """A machine fails before the eyes of the agent."""
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for entry in frames([record(ACTOR, 3.0, DEMO_MACHINES.index(ACTOR))], plan, 1_700_000_000_000_000_000):
        broker.publish(entry.topic, entry.payload)
    wait_until(lambda: broker.one(ALARM, 2).get("condition") == "inner_race", 30, agent.text())


def test_an_alarm_is_raised_and_acknowledged_with_the_settings_as_they_ship(
    broker: ProcessBroker, make_agent: Callable, wait_until: Callable, shell: Callable
):
    agent = make_agent(broker.url)
    agent.start()
    status = connected(broker, agent, wait_until)
    assert (status["state"], status["protocol"]) == ("online", "3.1.1")
    # amqtt has one more: what it gives to a subscription that did not ask for it is a source that is not watched.
    assert any("MQTT 3.1.1 for packets and for alarms and commands" in each for each in status["warnings"])
    assert "TLS" not in agent.text()
    assert "certificate" not in agent.text()
    assert "does not accept MQTT 5: the agent uses MQTT 3.1.1" in agent.text()

    raise_alarm(broker, agent, wait_until)
    found = shell("alarms", "--agent", "tester")
    assert found["alarms"][SENSOR]["conditions"][0]["state"] == "active_unacked"
    assert found["agents"]["tester"]["state"] == "online"

    reply = shell("ack", SENSOR, "inner_race", "--by", "ana")
    assert (reply["ok"], reply["events"][0]["acked_by"]) == (True, "ana")
    wait_until(lambda: broker.one(SUMMARY, 2)["counts"]["unacked"] == 0, what="the summary after the ack")
    assert [event["state"] for event in shell("events", SENSOR)["events"]] == ["active_unacked", "active_acked"]


def test_the_doctor_finds_out_what_the_broker_does(broker: ProcessBroker, make_agent: Callable, run_agent: Callable):
    agent = make_agent(broker.url)
    done = run_agent("doctor", "--config", str(agent.config), "--json")
    found = {entry["check"]: entry for entry in json.loads(done.stdout)["findings"]}
    assert found["broker.login"]["state"] == "limited"
    assert "MQTT 3.1.1" in found["broker.login"]["said"]
    assert {found[f"broker.{part}"]["state"] for part in ("read", "write", "alarms")} == {"ok"}
    if broker.name == "rabbitmq":
        assert found["broker.retained"]["state"] == "limited"
        assert SUMMARY in found["broker.retained"]["remedy"]
        assert "nothing in this configuration has a dot" in found["broker.dots"]["said"]
        dotted = run_agent("doctor", "--config", str(agent.config), "--json", "--set", "agent.id=line.4")
        found = {entry["check"]: entry for entry in json.loads(dotted.stdout)["findings"]}
        assert (found["broker.dots"]["state"], dotted.returncode) == ("problem", 78)
        assert "agent.id = 'line.4'" in found["broker.dots"]["said"]
    else:
        assert (found["broker.retained"]["state"], found["broker.dots"]["state"]) == ("ok", "ok")


def test_it_works_over_a_websocket(broker: ProcessBroker, make_agent: Callable, wait_until: Callable):
    agent = make_agent(f"ws://127.0.0.1:{broker.websocket_port}{broker.websocket_path}")
    agent.start()
    connected(broker, agent, wait_until)
    raise_alarm(broker, agent, wait_until)


def test_after_a_lost_state_directory_its_alarms_are_taken_over_and_a_gone_agent_s_are_removed(
    broker: ProcessBroker, make_agent: Callable, wait_until: Callable, shell: Callable, tmp_path: Path
):
    """Also where a subscription with a wildcard gets no retained messages."""
    agent = make_agent(broker.url)
    agent.start()
    connected(broker, agent, wait_until)
    raise_alarm(broker, agent, wait_until)
    wait_until(lambda: broker.one(SUMMARY, 2)["counts"]["active"] == 1, what="the summary")
    before = broker.one(ALARM)
    assert agent.stop() == 0
    shutil.rmtree(tmp_path / "state")
    agent.start()
    wait_until(lambda: broker.one(ALARM, 2)["epoch"] != before["epoch"], 60, agent.text())
    after = broker.one(ALARM)
    assert (after["condition"], after["since"]) == (before["condition"], before["since"])
    assert after["not_watched"]["reason"] == "epoch"

    assert agent.stop() == 0
    left = shell("clean", "--agent", "tester")["documents"]
    assert (left[ALARM], left[STATUS]) == ("active_unacked", "stopped")
    assert SUMMARY in left
    assert shell("clean", "--agent", "tester", "--yes")["removed"]
    assert broker.one(ALARM, 1) == broker.one(SUMMARY, 1) == {}
