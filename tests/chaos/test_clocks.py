"""The clock jumps by an hour: the agent's, while it runs and while it is down, and those of the sensors."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
from chaos.ledger import often
from servers import poll

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chaos.scene import Scene

HOUR_S = 3600
HOUR_NS = HOUR_S * 10**9

SITE = """
import os
import time

time_s, time_ns = time.time, time.time_ns

def offset_s():
    with open({offset!r}) as file:
        return int(file.read())

time.time = lambda: time_s() + offset_s()
time.time_ns = lambda: time_ns() + offset_s() * 10**9

from drsn.agent.acquisition import clock_sync

begin = clock_sync.ClockSync.__init__

class Kernel:
    def adjtimex(self, timex):
        timex._obj.status = 0 if os.path.exists({vouches!r}) else clock_sync.UNSYNCHRONISED
        return 0

def init(self, wall_s):
    begin(self, wall_s, Kernel())

clock_sync.ClockSync.__init__ = init
"""
"""Python runs this at the start of the agent. The wall clock and the kernel's word on it belong to the whole machine,
so a test replaces them in one process. Not by libfaketime: it also replaces the timed wait of Python's interpreter
lock (GIL), and an agent under it took 4 packets a second, on two cores (2026-11-30)."""


class Clock:
    """The agent's wall clock. Its monotonic clock and the machine's clocks stay as they are.

    Args:
        folder: for what the agent reads.
    """

    def __init__(self, folder: Path) -> None:
        self._offset, self._vouches = folder / "offset", folder / "vouches"
        (folder / "sitecustomize.py").write_text(SITE.format(offset=str(self._offset), vouches=str(self._vouches)))
        self.environment = {
            "PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "DRSN_AGENT__ALARMS__SILENT_AFTER_S": "20",  # so that a jump makes no sensor silent
        }
        self.set(0)

    def set(self, offset_s: int) -> None:
        """It is so far from the machine's; as the kernel does, nobody vouches for it from then on."""
        self.vouch(right=False)
        self._replace(self._offset, f"{offset_s:+d}\n")

    def vouch(self, *, right: bool) -> None:
        """What the kernel says of it."""
        if right:
            self._vouches.touch()
        else:
            self._vouches.unlink(missing_ok=True)

    @staticmethod
    def _replace(path: Path, text: str) -> None:
        beside = path.with_suffix(".new")
        beside.write_text(text)
        beside.rename(path)  # never half


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    folder = tmp_path / "clock"
    folder.mkdir()
    return Clock(folder)


@pytest.fixture
def watched(stage: Callable[..., Scene], clock: Clock) -> Callable[[str], Scene]:
    """`watched(name)`: a stage on which every sensor says that its own clock is kept right."""

    def make(name: str) -> Scene:
        scene = stage(name)
        scene.agent.environment |= clock.environment
        for life in scene.sensors.lives.values():
            life.kept_right = True
        return scene

    return make


def some_packets(scene: Scene, each: int = 3) -> None:
    """Until each sensor has published so many more, and the agent has acknowledged something since."""
    goal = scene.sensors.published + each * scene.sensors.count
    poll(lambda: scene.sensors.published >= goal, 60, "packets")
    scene.caught_up()


def stays_sane(scene: Scene) -> None:
    """Of a jump that was just made."""
    at = scene.subscriber.healths
    some_packets(scene)
    poll(lambda: scene.subscriber.healths > at + 2, 20, "health")
    health = scene.subscriber.health
    assert health["packets"]["stale"] == 0
    assert 0 < health["latency_ms"]["p50"] <= health["latency_ms"]["max"] < 60_000
    assert 0 < health["uptime_s"] < HOUR_S - 60
    assert scene.subscriber.status["state"] == "online", scene.subscriber.status


def test_an_agent_whose_clock_jumps_by_an_hour_loses_nothing_and_calls_no_packet_stale(watched, clock):
    scene = watched("the agent's clock jumps")
    clock.vouch(right=True)
    scene.begin()
    for turn in range(often(2, 60)):
        scene.fault(partial(clock.set, -HOUR_S if turn % 2 else HOUR_S))
        stays_sane(scene)
        scene.fault(lambda: scene.agent.stop(signal.SIGKILL))  # and back while it is down
        clock.set(0)
        clock.vouch(right=True)
        scene.agent.start()
        scene.caught_up()
    scene.finish()


def test_sensors_whose_clocks_jump_by_an_hour_lose_nothing_unless_they_vouch_for_the_past(watched, clock):
    """Forward, no packet is old. Back, each is older than `agent.max_age_s` by the word of two clocks: stale."""
    scene = watched("the sensors' clocks jump")
    clock.vouch(right=True)
    scene.begin()
    sensors = scene.sensors
    late = 0
    for _ in range(often(1, 20)):
        scene.fault(lambda: sensors.set_clocks(HOUR_NS))
        some_packets(scene, 12)
        scene.fault(lambda: sensors.set_clocks(-2 * HOUR_NS))
        some_packets(scene)
        scene.fault(lambda: sensors.set_clocks(HOUR_NS))
        for life in sensors.lives.values():
            stale = range(life.steps[-2][0], life.steps[-1][0])
            life.refused |= set(stale)
            late += len(stale)
        some_packets(scene, 12)
    scene.finish()
    assert scene.subscriber.health["packets"]["stale"] == late


def test_sensors_whose_clocks_go_back_lose_nothing_where_nobody_vouches_for_the_agent_s(watched):
    scene = watched("the sensors' clocks go back, the agent's clock is not synchronised")
    scene.begin()
    for turn in range(often(2, 20)):
        scene.fault(partial(scene.sensors.set_clocks, HOUR_NS if turn % 2 else -HOUR_NS))
        stays_sane(scene)
    scene.finish()


def test_shelves_go_by_the_wall_clock_and_never_last_longer_than_eight_hours_of_it(watched, clock):
    scene = watched("the agent's clock jumps while alarms are shelved")
    scene.begin()
    some_packets(scene, 10)  # each sensor is known, and has had an alarm
    ask, shelved = scene.subscriber.ask, {"s000": 1800, "s001": 2 * HOUR_S, "s002": 8 * HOUR_S}
    for sensor, duration_s in shelved.items():
        assert ask("shelve", poll, sensor=sensor, condition="ball", duration_s=duration_s)["ok"]
    poll(lambda: aside(scene) == set(shelved), 10, "all three are shelved")
    scene.fault(lambda: clock.set(HOUR_S))
    poll(lambda: aside(scene) == {"s001", "s002"}, 20, "half an hour is over after an hour")
    some_packets(scene)
    assert ask("shelve", poll, sensor="s003", condition="ball", duration_s=8 * HOUR_S)["ok"]
    scene.fault(lambda: clock.set(0))
    poll(lambda: aside(scene) == {"s001", "s002"}, 20, "nine hours are no shelving")
    some_packets(scene)
    scene.fault(lambda: clock.set(3 * HOUR_S))
    poll(lambda: aside(scene) == {"s002"}, 20, "two hours are over after three")
    scene.finish()


def aside(scene: Scene) -> set[str]:
    """Sensors whose alarm is shelved, by the retained documents."""
    return {
        sensor
        for sensor, alarm in list(scene.subscriber.alarms.items())
        if any(each["suppressed_by"] == "shelved" for each in alarm["conditions"])
    }
