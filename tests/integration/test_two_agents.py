"""Two real agents with one id on one broker, each with a state directory of its own: the second stops."""

from __future__ import annotations

import shutil
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from servers import INGEST, Agent, Mosquitto, poll

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STATUS = "drsn/v1/_agent/tester/status"
ASKING = "event=connected connection=probe"
TAKEN = "agent.id 'tester': another agent with this id is connected to the broker; give each agent its own agent.id"
EARLIER = TAKEN.replace("this id", "this id, which started earlier,")
START_S = 60.0
"""For a process that begins: two to four seconds on a free core, and many times that beside other tests."""
ENDS = ((69, EARLIER), (78, TAKEN))
"""Of who gives way after it had connected, and of who finds the other before that."""


@pytest.fixture
def twin(make_agent: Callable[..., Agent], mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Callable[[str], Agent]]:
    """Make agents with one configuration; `launch(*elsewhere(...))` gives each its own directory."""
    first = make_agent(mosquitto.url)
    with ExitStack() as stack:

        def make(name: str) -> Agent:
            log = tmp_path / f"{name}.log"
            log.touch()
            agent = Agent(first.config, log, first.environment)
            stack.callback(agent.end)
            return agent

        yield make


def elsewhere(directory: Path, *more: str) -> list[str]:
    settings = (f"agent.state_dir={directory}", *more)
    return [word for setting in settings for word in ("--set", setting)]


def end_of(agent: Agent) -> tuple[int, str]:
    """Its exit code, and what it said on its way out."""
    return agent.process.returncode, agent.text().splitlines()[-1].partition(": ")[2]


def at_once(*agents: tuple[Agent, list[str]]) -> None:
    """Both find the name free and connect in the same moment: held while they ask, and let go together.

    On a machine that is too busy for that one is a little ahead, and the other hears it before it connects.
    """
    for agent, options in agents:
        agent.launch(*options)
    waiting = [agent for agent, _ in agents]
    while waiting:
        agent = poll(lambda: next((a for a in waiting if ASKING in a.text()), None), START_S, "both ask")
        time.sleep(0.1)  # so that it has begun to count its QUIET_S of 0.5 s, and has not come to their end
        agent.process.send_signal(signal.SIGSTOP)
        waiting.remove(agent)
    time.sleep(0.5)  # they are over for both
    for agent, _ in agents:
        agent.process.send_signal(signal.SIGCONT)


def watches(mosquitto: Mosquitto, state_dir: Path) -> bool:
    """The agent of this directory has the name: the status is its own, and says that it takes packets."""
    status = mosquitto.one(STATUS, 1)
    own = (state_dir / "instance").read_text()
    return (status.get("state"), status.get("ingest"), status.get("instance")) == ("online", "connected", own)


@pytest.mark.promise(
    "Of two agents with one `agent.id`, the second does not start (exit 78) while the first works, not even "
    "with a copy of its state.",
    where="service/lease_acquisition",
    topic="identity",
)
def test_the_second_does_not_start_and_the_first_goes_on(mosquitto, make_agent, run_agent, tmp_path: Path, wait_until):
    first = make_agent(mosquitto.url)
    first.start()
    wait_until(lambda: mosquitto.one("drsn/v1/_agent/tester/status", 1).get("state") == "online", what="the first")
    config = tmp_path / "second.toml"
    text = first.config.read_text(encoding="utf-8")
    config.write_text(text.replace(f"{tmp_path / 'state'}", f"{tmp_path / 'elsewhere'}"), encoding="utf-8")
    done = run_agent("run", "--config", str(config))
    assert done.returncode == 78, done.stderr
    assert "another agent with this id is connected to the broker; give each agent its own agent.id" in done.stderr
    assert first.process.poll() is None
    assert first.text().count("connection lost") == 0, "nobody threw it out"
    assert mosquitto.one("drsn/v1/_agent/tester/status")["state"] == "online"
    assert first.stop() == 0


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("state", ["separate", pytest.param("copied", marks=pytest.mark.slow)])
@pytest.mark.promise(
    "Of two that start at the same moment, one ends (69 or 78) within seconds, and its next start ends with 78.",
    where="service/lease_defence",
    topic="identity",
)
def test_of_two_that_start_at_once_one_stops_and_the_other_stays(mosquitto, twin, tmp_path: Path, protocol, state):
    """The broker tells them nothing: mosquitto 2.0.11 closes a line without MQTT 5's reason, and 3.1.1 has none."""
    agents = {name: twin(name) for name in ("one", "other")}
    options = {name: elsewhere(tmp_path / name, f"mqtt.protocol={protocol}") for name in agents}
    if state == "copied":  # as of an image of the disk: epoch, cursors, everything
        agents["one"].start(*options["one"])
        assert agents["one"].stop() == 0
        agents["one"].log.write_text("")
        shutil.copytree(tmp_path / "one", tmp_path / "other")
    at_once(*((agents[name], options[name]) for name in agents))

    poll(lambda: any(a.process.poll() is not None for a in agents.values()), 20, "one of them stops")
    loser, winner = sorted(agents, key=lambda name: agents[name].process.poll() is None)
    assert end_of(agents[loser]) in ENDS, agents[loser].text()

    for _ in range(2):  # as systemd would after five seconds; what ends with 78 it leaves alone
        agents[loser].launch(*options[loser])
        agents[loser].process.wait(START_S)
        assert end_of(agents[loser]) == (78, TAKEN), agents[loser].text()
    poll(lambda: watches(mosquitto, tmp_path / winner), what="the winner watches")
    assert agents[winner].process.poll() is None
    assert agents[winner].stop() == 0
    assert mosquitto.one(STATUS)["state"] == "stopped"


@pytest.mark.slow
@pytest.mark.promise(
    "An agent that was disconnected while another took its id gets the id back, and the other ends.",
    where="service/lease_defence",
    topic="identity",
)
def test_one_that_comes_back_after_an_outage_has_its_name_again(mosquitto, twin, tmp_path: Path):
    """Meanwhile another one found it free: nothing but the broker could have told it, and the broker did not know."""
    first, second = twin("first"), twin("second")
    options = elsewhere(tmp_path / "first", "mqtt.keepalive_s=5")
    first.start(*options)
    poll(lambda: watches(mosquitto, tmp_path / "first"), what="the first watches")
    first.process.send_signal(signal.SIGSTOP)  # as a cable that is out: the broker waits for one and a half keepalives
    poll(lambda: mosquitto.one(STATUS, 1).get("state") == "offline", 30, "the broker gives the first up")
    second.start(*elsewhere(tmp_path / "second"))
    poll(lambda: watches(mosquitto, tmp_path / "second"), what="the second watches")
    first.process.send_signal(signal.SIGCONT)
    second.process.wait(START_S)
    assert end_of(second) == (69, EARLIER), second.text()
    poll(lambda: watches(mosquitto, tmp_path / "first"), what="the first watches again")
    second.launch(*elsewhere(tmp_path / "second"))
    assert second.process.wait(START_S) == 78, second.text()
    assert first.stop() == 0


def test_a_copy_of_a_running_agents_directory_does_not_take_its_name(mosquitto, twin, tmp_path: Path):
    """The copy takes the status that it finds for its own of before a power cut, connects, and learns better."""
    first, copy = twin("first"), twin("copy")
    first.start(*elsewhere(tmp_path / "first"))
    poll(lambda: watches(mosquitto, tmp_path / "first"), what="the first watches")
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    for expected in (ENDS, ENDS[1:]):  # it may hear the first before it connects
        copy.launch(*elsewhere(tmp_path / "copy"))
        copy.process.wait(START_S)
        assert end_of(copy) in expected, copy.text()
    poll(lambda: watches(mosquitto, tmp_path / "first"), what="the first watches again")
    assert first.stop() == 0


@pytest.mark.promise(
    "The agent's own `online` from before a power cut does not delay its start.",
    where="service/run_id",
    topic="identity",
)
def test_after_a_power_cut_the_same_agent_starts_at_once(mosquitto, twin, tmp_path: Path):
    """Its `online` stands until the broker misses it; nobody waits for a sign of life of what it knows to be itself."""
    agent, again = twin("agent"), twin("again")
    agent.start(*elsewhere(tmp_path / "agent"))
    poll(lambda: watches(mosquitto, tmp_path / "agent"), what="it watches")
    agent.process.send_signal(signal.SIGSTOP)  # its connections stand, and nobody is there
    shutil.copytree(tmp_path / "agent", tmp_path / "after")  # the disk as it is after the cut
    again.launch(*elsewhere(tmp_path / "after"))
    poll(lambda: ASKING in again.text(), START_S, "it asks")
    poll(lambda: INGEST in again.text(), 15, "it connects again, long before the patience of 25 s")
    poll(lambda: watches(mosquitto, tmp_path / "after"), what="it watches again")
    assert again.stop() == 0


def test_after_a_kill_the_same_agent_starts_at_once(mosquitto, make_agent, wait_until: Callable):
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: "connection=ingest" in agent.text(), what="connected")
    agent.end()
    agent.start()
    wait_until(lambda: agent.text().count("event=connected connection=ingest") == 2, 10, "connected again")
    assert agent.stop() == 0


def test_one_that_waits_for_the_name_has_it_when_the_other_is_stopped(mosquitto, twin, tmp_path: Path):
    """Its machine is replaced: that the old one says goodbye is no sign that it lives."""
    first, second = twin("first"), twin("second")
    seldom = "agent.health_every_s=60"
    first.start(*elsewhere(tmp_path / "first", seldom))
    poll(lambda: watches(mosquitto, tmp_path / "first"), what="the first watches")
    second.launch(*elsewhere(tmp_path / "second", seldom))  # it waits for two and a half of them
    poll(lambda: ASKING in second.text(), START_S, "the second asks")
    assert first.stop() == 0
    poll((tmp_path / "second" / "instance").exists, what="the second takes the name")
    poll(lambda: watches(mosquitto, tmp_path / "second"), what="the second watches")
    assert second.stop() == 0
