"""The line between agent and broker is cut, goes dead, or loses acknowledgements."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from chaos.cable import Cable
from chaos.ledger import often
from chaos.scene import Usage
from servers import poll

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chaos.scene import Scene

CONNECTIONS = ("control", "ingest", "probe")

KEEPALIVE_S = 5
"""The least that can be set."""

NOTICED_S = 2 * KEEPALIVE_S + 5
"""It pings when nothing came for so long, waits once more as long for the answer, and looks every second."""


@pytest.fixture
def cable() -> Iterator[Cable]:
    network = Cable()
    yield network
    network.close()


def quick(scene: Scene) -> Scene:
    """With an agent that soon notices a dead line."""
    scene.agent.environment["DRSN_AGENT__MQTT__KEEPALIVE_S"] = str(KEEPALIVE_S)
    return scene


def lost(scene: Scene, connection: str) -> int:
    """How often the agent has said that a connection is lost."""
    return scene.agent.text().count(f'event="connection lost" connection={connection}')


def connected(scene: Scene, connection: str) -> int:
    return scene.agent.text().count(f"event=connected connection={connection}")


def noticed(scene: Scene, make: Callable[[], object], connection: str) -> None:
    """Make a fault when all is well, and wait until the agent sees that a connection is lost."""
    poll(lambda: all(connected(scene, name) > lost(scene, name) for name in CONNECTIONS), 40, "all connections")
    before = lost(scene, connection)
    scene.fault(make)
    poll(lambda: lost(scene, connection) > before, NOTICED_S, f"{connection} is lost")


@pytest.mark.timeout(900)
def test_lines_that_are_cut_again_and_again_cost_nothing(stage):
    scene = stage("lines cut")
    scene.begin()
    poll(lambda: scene.subscriber.events, 20, "an event: the thread that writes evidence is there too")
    before = Usage.of(scene.agent.process.pid)
    for _ in range(often(8, 120)):
        scene.fault(lambda: scene.wire.cut(scene.chance))
        scene.wait(0.0, 2.5)  # it waits up to a second before it connects anew: some are cut as soon as they are there
    assert scene.finish()["events repaired"] == 0
    after = Usage.of(scene.agent.process.pid)
    # A record of evidence that is being written has a descriptor; a leak would take one a cut.
    assert after.threads == before.threads
    assert after.descriptors <= before.descriptors + 2


@pytest.mark.timeout(900)
def test_acknowledgements_that_get_lost_double_nothing(stage):
    scene = stage("acknowledgements lost", sensors=5, rate_hz=5, block=3)
    scene.begin()
    for _ in range(often(3, 60)):
        scene.fault(lambda: scene.wire.mute("ingest"))
        time.sleep(1.6)  # two blocks of each sensor: two events that could come again
        scene.wire.cut(scene.chance, all_of_them=True)
        scene.caught_up()
    assert scene.finish()["events repaired"] == 0
    assert scene.subscriber.health["packets"]["duplicate"] > 30 * scene.faults


@pytest.mark.timeout(900)
@pytest.mark.parametrize("only", ["", "control"])
def test_a_line_that_goes_dead_without_a_word_is_noticed_by_keepalive(stage, only: str):
    scene = quick(stage(f"dead line{only and ', control only'}"))
    scene.begin()
    for _ in range(often(1, 20)):
        noticed(scene, lambda: scene.wire.die(only), "control")
        scene.caught_up()
    assert scene.finish()["events repaired"] == 0
    assert scene.subscriber.status["state"] == "online"
    assert bool(lost(scene, "ingest")) == (not only)


@pytest.mark.timeout(900)
def test_a_cable_that_is_pulled_for_longer_than_keepalive_costs_nothing(cable, stage):
    """Here the kernels go on sending what was under way when the cable is back, on lines that are given up by then."""
    scene = quick(stage("cable pulled", host=cable.host))
    scene.agent.inside = cable.inside
    scene.begin()
    for _ in range(often(1, 20)):
        noticed(scene, cable.pull, "ingest")
        scene.wait(2.0, 10.0)
        cable.plug()
        scene.caught_up()
        time.sleep(1)
        cable.pull()
        scene.wait(0.5, 3.0)  # too short to be noticed: what TCP repairs by itself
        cable.plug()
        scene.caught_up()
    assert scene.finish()["events repaired"] == 0
    assert scene.subscriber.status["state"] == "online"
