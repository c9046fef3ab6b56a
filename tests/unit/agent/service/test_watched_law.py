"""The law, on a plant where anything happens: the retained documents tell healthy from not looked at."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from plant import RATE_HZ, STATUS, WINDOW, Plant, lose

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.mqtt.stub import StubBroker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUIET_S, SWEEP_S = 30.0, 1.6
SENSORS = ("a", "b", "c")
STEPS = 150
LONG = f"plant/{'d' * 70}/frame"
"""Its level is too long for an id."""

OTHERS = {  # sources that never have a window -> topic
    LONG: LONG,
    "slow": "plant/slow/frame",
    "torn": "plant/torn/frame",
}


@dataclass
class World:
    """A plant, and what a subscriber may expect of it."""

    start: Callable[..., Plant]
    state_dir: Path
    broker: StubBroker = field(default_factory=StubBroker)
    window_s: dict[str, float] = field(default_factory=dict)
    """Sensor -> when its last window of this run came, by a clock that stands still without a connection."""
    pause_s: dict[str, float] = field(default_factory=dict)
    """Sensor -> its longest pause between two windows, or from the start of a run to its first; three may go by."""
    sent: set[str] = field(default_factory=set)
    """Sources with a packet in this run."""
    now_s: float = 0.0
    began_s: float = 0.0
    """Of this run."""

    def __post_init__(self) -> None:
        self.plant = self.start(self.broker)

    def window(self, sensor: str) -> None:
        self.plant.say(sensor, random_label())
        pause_s = self.now_s - self.window_s.get(sensor, self.began_s)
        self.pause_s[sensor] = max(pause_s, self.pause_s.get(sensor, 0.0))
        self.window_s[sensor] = self.now_s
        self.sent.add(sensor)

    def torn(self, sensor: str) -> None:
        self._publish(f"plant/{sensor}/frame", b"no frame", sensor)

    def part(self, sensor: str) -> None:
        """Too short for a window, and it touches nothing."""
        seq = self.plant.seq[sensor] = self.plant.seq.get(sensor, 0) + 2
        self._publish(f"plant/{sensor}/frame", packet(60, seq=seq), sensor)

    def other(self, source: str) -> None:
        payload = b"no frame" if source == "torn" else packet(WINDOW, rate_hz=100.0 if source == "slow" else RATE_HZ)
        self._publish(OTHERS[source], payload, source)

    def wait(self, seconds: float) -> None:
        while seconds > 0:
            self.plant.clock.ahead_s += min(1.5, seconds)
            self.now_s += min(1.5, seconds)
            seconds -= 1.5
            self.plant.turn(1)

    def restart(self, *, lost: bool = False) -> None:
        """A new run, which has read the retained alarms before it takes packets; or without the state directory."""
        seq = self.plant.seq
        self.plant.turn()  # else the broker sends again what was not read
        self.plant.crash()
        if lost:
            lose(self.state_dir)
        self.plant = self.start(self.broker)
        self.plant.seq = seq
        self.plant.agent.connections.probe.start()
        self.plant.agent.lease.preparation.adopt()
        self.began_s = self.now_s
        self.window_s.clear()
        self.sent.clear()

    def _publish(self, topic: str, payload: bytes, source: str) -> None:
        self.broker.publish(topic, payload, 1, {}, retain=False)
        self.sent.add(source)

    def require_the_law(self) -> None:
        """Read what the broker retains, as any subscriber would."""
        self.plant.turn(2)
        self.wait(SWEEP_S)
        self.plant.turn(1)
        status = self.plant.retained(STATUS)
        listed = {each.source: each.reason for each in self.plant.health().not_watched}
        assert status["not_watched"] == len(listed)
        assert bool(status["warnings"]) == bool(listed)
        alarms = {name: self.broker.retained.get(f"drsn/v1/{name}/alarm") for name in SENSORS}
        documents = {name: json.loads(payload) for name, payload in alarms.items() if payload}
        for name, document in documents.items():
            assert document["epoch"] == status["epoch"], "no document of a lost state directory stands"
            assert (document["not_watched"] is not None) == (name in listed)
            quiet_s = max(QUIET_S, 3 * self.pause_s.get(name, 0.0)) + 2 * SWEEP_S
            lately = self.now_s - self.window_s.get(name, -1e9) <= quiet_s
            if document["state"] == "normal":
                assert lately, "normal is what was looked at lately"
            if not lately:
                assert name in listed
        for source in self.sent:
            assert source in listed or source in documents, "a source is watched or named"
        assert not set(OTHERS) & self.sent - set(listed)


def packet(samples: int, rate_hz: float = RATE_HZ, seq: int = 1) -> bytes:
    return frame.encode(Packet(np.ones((1, samples), np.float32), sample_rate_hz=rate_hz, seq=seq))


def random_label() -> str:
    return random.choices(["normal", "inner_race"], [5, 1])[0]


@pytest.mark.promise(
    "`normal` means evaluated: each source of packets is watched, or named with a reason in status, health and its "
    "retained alarm, from its first packet on.",
    where="acquisition/source_watch, service/watched_sources",
    topic="alarms",
)
@pytest.mark.parametrize("seed", range(3))
def test_a_subscriber_can_tell_healthy_from_not_looked_at(
    start: Callable[..., Plant], tmp_path: Path, seed: int
) -> None:
    random.seed(seed)
    world = World(start, tmp_path)
    steps: list[tuple[int, Callable[[], None]]] = [
        *[(6, lambda sensor=sensor: world.window(sensor)) for sensor in SENSORS],
        *[(3, lambda sensor=sensor: world.torn(sensor)) for sensor in SENSORS],
        *[(2, lambda sensor=sensor: world.part(sensor)) for sensor in SENSORS],
        *[(1, lambda source=source: world.other(source)) for source in OTHERS],
        (3, lambda: world.wait(12)),
        (1, lambda: world.wait(40)),
        (1, world.restart),
        (1, lambda: world.restart(lost=True)),
    ]
    weights, actions = zip(*steps, strict=True)
    for _ in range(STEPS):
        for act in random.choices(actions, weights, k=random.randint(1, 4)):
            act()
        world.require_the_law()
