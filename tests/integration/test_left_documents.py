"""What a broker retains of agents that have lost their state, have another name or bundle, or share their sensors."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
from servers import Agent

from drsn.agent.__main__ import command_parser
from drsn.agent.storage.journal import FILE
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.operator.clean import Remains
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers import Mosquitto

ACTOR = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")
SENSOR = ACTOR.sensor
ALARM = f"drsn/v1/{SENSOR}/alarm"
STATUS = "drsn/v1/_agent/tester/status"


def fails(mosquitto: Mosquitto, seconds: float = 3.0, t0_unix_ns: int = 1_700_000_000_000_000_000) -> None:
    """A machine with a fault of its inner race."""
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for entry in frames([record(ACTOR, seconds, DEMO_MACHINES.index(ACTOR))], plan, t0_unix_ns):
        mosquitto.publish(entry.topic, entry.payload)


@pytest.fixture
def agent(mosquitto: Mosquitto, make_agent: Callable, wait_until) -> Agent:
    """An agent with an alarm."""
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    fails(mosquitto)
    wait_until(lambda: mosquitto.one(ALARM).get("condition") == "inner_race", what=agent.text())
    return agent


@pytest.fixture
def shell(mosquitto: Mosquitto, run_agent: Callable) -> Callable[..., str]:
    """`shell(command, *arguments, code=0)`: its output and errors."""

    def run(*command: str, code: int = 0) -> str:
        done = run_agent(*command, "--broker", mosquitto.url)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_at_an_empty_broker_alarms_finds_no_agent(json_: list[str], mosquitto: Mosquitto, shell: Callable[..., str]):
    assert f"no agent found under drsn/v1 at 127.0.0.1:{mosquitto.port}" in shell("alarms", *json_, code=69)


@pytest.mark.slow
@pytest.mark.promise(
    "Alarms that a lost state directory left at the broker are taken over when the agent starts: they stand, marked "
    "as not watched, and can be acknowledged and forgotten.",
    where="service/adoption",
    topic="alarms",
)
def test_an_alarm_outlives_the_state_directory_and_can_be_acknowledged_and_forgotten(
    agent: Agent, mosquitto: Mosquitto, shell: Callable[..., str], wait_until, tmp_path: Path
):
    before = mosquitto.one(ALARM)
    agent.stop(signal.SIGKILL)
    shutil.rmtree(tmp_path / "state")
    agent.start()
    wait_until(lambda: mosquitto.one(ALARM).get("epoch", before["epoch"]) != before["epoch"], what=agent.text())
    after = mosquitto.one(ALARM)
    assert {name: after[name] for name in ("condition", "state", "since", "severity")} == {
        name: before[name] for name in ("condition", "state", "since", "severity")
    }
    assert after["not_watched"]["reason"] == "epoch"
    text = shell("alarms")
    assert "not watched: epoch" in text
    assert "STALE" not in text
    assert f"{SENSOR}, inner_race (agent tester): acknowledged" in shell("ack", SENSOR, "inner_race")
    assert f"{SENSOR} (agent tester): forgotten" in shell("forget", SENSOR)
    assert mosquitto.one(ALARM, 1) == {}


@pytest.mark.slow
def test_what_a_gone_agent_left_is_shown_and_removed_but_not_while_it_is_online(
    agent: Agent, mosquitto: Mosquitto, shell: Callable[..., str], run_agent: Callable
):
    assert "refused: agent tester is online" in shell("clean", "--agent", "tester", "--yes", code=1)
    agent.stop(signal.SIGKILL)
    shown = shell("clean", "--agent", "tester")
    assert f"{ALARM} active_unacked" in shown
    assert f"{STATUS} offline" in shown
    assert "--yes removes them" in shown
    assert mosquitto.one(ALARM)["agent"] == "tester"
    assert "nothing is left" in shell("clean", "--agent", "line5", "--yes")
    done = run_agent("clean", "--agent", "tester", "--yes", "--json", "--broker", mosquitto.url)
    report = json.loads(done.stdout)
    assert (done.returncode, report["removed"], ALARM in report["documents"]) == (0, True, True)
    assert mosquitto.retained("drsn/v1/#", 1, 1) == {}


def test_a_retained_online_of_an_agent_that_is_gone_does_not_keep_its_documents(mosquitto: Mosquitto):
    """The broker missed its end; nothing answers and nothing is published."""
    mosquitto.publish(STATUS, json.dumps({"state": "online", "epoch": "e"}).encode(), "-r")
    arguments = command_parser().parse_args(["clean", "--agent", "tester", "--broker", mosquitto.url])
    remains = Remains(arguments, answer_s=0.2, sign_of_life_s=0.2)
    assert (remains.online, remains.states) == (False, {STATUS: "online"})
    remains.remove()
    assert mosquitto.one(STATUS, 1) == {}


@pytest.fixture
def pair(mosquitto: Mosquitto, make_agent: Callable, tmp_path: Path) -> Iterator[tuple[Agent, Agent]]:
    """Two agents on one input, each with an id and a state directory of its own."""
    first = make_agent(mosquitto.url)
    log = tmp_path / "second.log"
    log.touch()
    second = Agent(first.config, log, first.environment)
    with ExitStack() as stack:
        stack.callback(second.end)
        first.start()
        second.start("--set", "agent.id=second", "--set", f"agent.state_dir={tmp_path / 'second'}")
        yield first, second


@pytest.mark.slow
@pytest.mark.promise(
    "Two agents that read one sensor under one prefix both report it in their status.",
    where="service/shared_sensors",
    topic="identity",
)
def test_of_two_agents_on_one_input_each_names_the_other(pair: tuple[Agent, Agent], mosquitto: Mosquitto, wait_until):
    names = {"tester": "second", "second": "tester"}
    fails(mosquitto, 1.0)

    def both_tell() -> bool:
        found = {name: str(mosquitto.one(f"drsn/v1/_agent/{name}/status", 1).get("warnings")) for name in names}
        return all(f"{SENSOR} ({other})" in found[name] for name, other in names.items())

    wait_until(both_tell, what="".join(each.text() for each in pair))
    wait_until(
        lambda: (mosquitto.one(ALARM).get("not_watched") or {}).get("reason") == "other_agent", what="the reason"
    )


@pytest.mark.slow
def test_an_alarm_of_another_bundle_is_named_at_the_start_and_closed_by_a_reset(
    agent: Agent, mosquitto: Mosquitto, shell: Callable[..., str], wait_until, tmp_path: Path
):
    agent.stop()
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as database, database:
        (text,) = database.execute("SELECT state FROM alarms WHERE sensor = ?", (SENSOR,)).fetchone()
        state = json.loads(text)
        state["conditions"]["cage"] = state["conditions"]["inner_race"]
        database.execute("UPDATE alarms SET state = ? WHERE sensor = ?", (json.dumps(state), SENSOR))
    agent.start()
    named = f"{SENSOR} (cage); `drsn-agent reset` ends each"
    wait_until(lambda: named in str(mosquitto.one(STATUS).get("warnings")), what=agent.text())
    assert "alarms exist for conditions that the bundle does not have" in agent.text()
    conditions = {each["condition"]: each["orphaned"] for each in mosquitto.one(ALARM)["conditions"]}
    assert conditions == {"inner_race": False, "cage": True}
    assert "orphaned: the bundle does not have this condition" in shell("alarms")
    assert f"{SENSOR}, cage (agent tester): reset" in shell("reset", SENSOR, "cage")
    wait_until(lambda: named not in str(mosquitto.one(STATUS).get("warnings")), what=agent.text())
    assert [each["condition"] for each in mosquitto.one(ALARM)["conditions"]] == ["inner_race"]
