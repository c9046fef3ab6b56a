"""Four real agents share the sensors of one broker: each sensor has one agent, also while one of them is killed."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import paho.mqtt.client as paho
import pytest
from servers import Agent, Mosquitto, poll

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.acquisition.shard import shard_of
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AGENTS, SENSORS, FAULTY = 4, 1000, 24
INNER_RACE = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")


class Plant:
    """Publishes packets, and keeps what the agents publish."""

    def __init__(self, port: int) -> None:
        self.results: Counter[str] = Counter()
        self.events: dict[str, dict[str, object]] = {}
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._take
        self._client.max_queued_messages_set(0)
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe([("drsn/v1/+/result", 0), ("drsn/v1/+/event", 1)])
        assert self._subscribed.wait(10)

    def _take(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        document = json.loads(message.payload)
        if message.topic.endswith("/event"):
            known = self.events.setdefault(document["event_id"], document)
            assert known == document, "an event that comes again is the same"
        else:
            self.results[message.topic.split("/")[-2]] += 1

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def plant(mosquitto: Mosquitto) -> Iterator[Plant]:
    found = Plant(mosquitto.port)
    yield found
    found.stop()


def health(mosquitto: Mosquitto, number: int) -> dict:
    return mosquitto.one(f"drsn/v1/_agent/line-{number}/health", timeout_s=2)


def settled(mosquitto: Mosquitto, number: int) -> int:
    """Packets that an agent has handled since its start."""
    packets = health(mosquitto, number).get("packets", {})
    return 0 if packets.get("in_flight") else packets.get("processed", 0) + packets.get("other_shard", 0)


@pytest.fixture
def agents(mosquitto: Mosquitto, make_agent: Callable[..., Agent], tmp_path: Path) -> Iterator[list[Agent]]:
    """Four agents with the same configuration, not started."""
    first = make_agent(mosquitto.url)
    found = []
    for number in range(1, AGENTS + 1):
        log = tmp_path / f"line-{number}.log"
        log.touch()
        found.append(Agent(first.config, log, first.environment))
    yield found
    for agent in found:
        agent.end()


def options(folder: Path, number: int, count: int, name: str = "line") -> list[str]:
    """What makes an agent number `number` of `count`."""
    own = (f"agent.id={name}-{number}", f"agent.shard={number}/{count}", f"agent.state_dir={folder / str(number)}")
    return [option for setting in own for option in ("--set", setting)]


def test_each_sensor_has_one_agent_also_while_one_of_them_is_killed(
    mosquitto: Mosquitto, agents: list[Agent], plant: Plant, tmp_path: Path
):
    for number, agent in enumerate(agents, 1):
        agent.start(*options(tmp_path, number, AGENTS))
    rng = np.random.default_rng(0)
    owners = {f"s{n}": shard_of(f"s{n}", AGENTS) for n in range(SENSORS)}
    for sensor in owners:
        noise = rng.normal(0, 0.1, (1, 4096)).astype(np.float32)
        plant.publish(
            f"plant/hall/{sensor}/frame", frame.encode(Packet(noise, sample_rate_hz=12000.0, seq=1, boot_id=1))
        )
    for number in range(1, AGENTS + 1):
        poll(lambda number=number: settled(mosquitto, number) == SENSORS, 60, what=f"line-{number} has handled all")
        packets = health(mosquitto, number)["packets"]
        own = sum(owner == number for owner in owners.values())
        assert (packets["processed"], packets["other_shard"], packets["rejected"]) == (own, SENSORS - own, 0)
        assert mosquitto.one(f"drsn/v1/_agent/line-{number}/status")["shard"] == f"{number}/{AGENTS}"
    assert plant.results == dict.fromkeys(owners, 1), "two agents would give two results"

    played, sensors = defect(), [f"s{n}" for n in range(FAULTY)]
    for position, payload in enumerate(played):
        if position == len(played) // 2:
            agents[1].stop(signal.SIGKILL)
        for sensor in sensors:
            plant.publish(f"plant/hall/{sensor}/frame", payload)
    agents[1].start(*options(tmp_path, 2, AGENTS))
    poll(lambda: len(plant.events) >= FAULTY, 60, what=f"{len(plant.events)} of {FAULTY} events")
    raised = Counter((event["sensor"], event["agent"], event["condition"]) for event in plant.events.values())
    assert raised == {(sensor, f"line-{owners[sensor]}", "inner_race"): 1 for sensor in sensors}
    assert [agent.stop() for agent in agents] == [0] * AGENTS


def defect(t0_s: int = 1_700_000_000) -> list[bytes]:
    """The packets of a machine with a defect."""
    return [
        each.payload
        for each in frames([record(INNER_RACE, 3.0, 0)], ReplayPlan(topic="{sensor}", speed=0.0), t0_s * 10**9)
    ]


def test_the_steps_of_the_page_change_the_number_of_agents(
    mosquitto: Mosquitto, agents: list[Agent], plant: Plant, tmp_path: Path
):
    """docs/use/many-agents.md: a sensor moves to another agent while its alarm stands."""
    moved = next(f"s{n}" for n in range(99) if shard_of(f"s{n}", 2) == 2)
    topic, alarm = f"plant/hall/{moved}/frame", f"drsn/v1/{moved}/alarm"
    agents[0].start(*options(tmp_path, 1, 1))
    for payload in defect():
        plant.publish(topic, payload)
    poll(lambda: mosquitto.one(alarm).get("agent") == "line-1", what="the alarm of the former agent")
    assert agents[0].stop() == 0

    divided = agents[1:3]
    settings = [options(tmp_path / "divided", number, 2, "two") for number in (1, 2)]
    for agent, own in zip(divided, settings, strict=True):
        agent.start(*own)
    for payload in defect(1_700_000_100):
        plant.publish(topic, payload)
    poll(lambda: mosquitto.one(alarm).get("agent") == "two-2", what="the alarm of the new agent")
    assert [agent.stop() for agent in divided] == [0, 0]
    for agent, own in zip(divided, settings, strict=True):
        agent.start(*own)
    found = mosquitto.one(alarm)
    assert (found["agent"], found["condition"], found["state"]) == ("two-2", "inner_race", "active_unacked")
    assert not any("another agent reads" in agent.text() for agent in divided)
    assert [agent.stop() for agent in divided] == [0, 0]


def warns(mosquitto: Mosquitto, agent: str) -> bool:
    warnings = mosquitto.one(f"drsn/v1/_agent/{agent}/status").get("warnings", ())
    return any("also read by another agent" in warning for warning in warnings)


def test_two_agents_with_one_shard_warn(mosquitto: Mosquitto, agents: list[Agent], plant: Plant, tmp_path: Path):
    for agent, name in zip(agents[:2], ("a", "b"), strict=True):
        agent.start(*options(tmp_path / name, 1, 2, name))
    own = next(f"s{n}" for n in range(99) if shard_of(f"s{n}", 2) == 1)
    for payload in defect():
        plant.publish(f"plant/hall/{own}/frame", payload)
    for name in ("a-1", "b-1"):
        poll(partial(warns, mosquitto, name), what=f"the warning of {name}")
    assert [agent.stop() for agent in agents[:2]] == [0, 0]
