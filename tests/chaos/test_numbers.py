"""Numbers that begin anew: packet ids of the broker, `seq` of sensors that reboot."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from chaos.flood import NAME, Flood
from chaos.ledger import often
from servers import poll

if TYPE_CHECKING:
    from chaos.scene import Scene

IDS = 65_535


@pytest.mark.timeout(900)
def test_packet_ids_that_begin_anew_on_one_connection_cost_nothing(stage):
    """Some 70,000 in CI too: the agent takes more than 3,000 of these small ones in a second."""
    scene = stage("packet ids wrap")
    scene.begin()
    wraps = often(1, 5)
    Flood(scene.broker.port).publish(wraps * IDS, lambda: scene.wire.acknowledged[NAME])
    scene.faults = scene.wire.wraps
    scene.caught_up()
    assert scene.finish()["events repaired"] == 0
    assert scene.faults >= wraps
    assert "connection lost" not in scene.agent.text()


def reboot(scene: Scene, *, nameless: bool) -> None:
    """Not before each sensor has said two packets: the same `seq` twice is no sign that one counts anew."""
    poll(lambda: scene.sensors.lived() > 2, 20, "three packets of each sensor")
    scene.fault(lambda: scene.sensors.reboot(nameless=nameless))


@pytest.mark.timeout(900)
def test_sensors_that_reboot_again_and_again_are_known_with_and_without_boot_id(stage):
    scene = stage("sensors reboot", sensors=5, rate_hz=5, block=3)
    scene.begin()
    for _ in range(often(6, 150)):
        scene.wait(0.0, 3.0)
        reboot(scene, nameless=scene.chance.random() < 0.5)
    row = scene.finish()
    assert row["events repaired"] == 0
    assert row["events"] > 2 * scene.faults


@pytest.mark.timeout(900)
def test_packets_from_before_a_reboot_that_come_again_count_once(stage):
    """The agent's word for them is lost on the way; meanwhile the sensors reboot, and the agent has heard it."""
    scene = stage("sensors reboot while acknowledgements get lost", sensors=5, rate_hz=5, block=3)
    scene.begin()
    for n in range(often(4, 100)):
        scene.wait(0.2, 1.0)
        scene.wire.mute("ingest")
        time.sleep(1.4)  # two blocks of each sensor: two events that could come again
        reboot(scene, nameless=n % 4 < 2)
        time.sleep(0.8)
        scene.wire.cut(scene.chance, all_of_them=True)
        scene.caught_up()
    assert scene.finish()["events repaired"] == 0
    assert scene.subscriber.health["packets"]["duplicate"] > 30 * scene.faults
