"""The broker ends in order, is killed, comes back without its memory, or is not there when the agent starts."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from chaos.ledger import often
from chaos.subscriber import AGENT, PREFIX
from servers import poll

if TYPE_CHECKING:
    from chaos.scene import Scene


def retains_all(scene: Scene) -> bool:
    """Whether who comes late finds every alarm as it was told, and the agent online."""
    alarms = scene.broker.retained(f"{PREFIX}/+/alarm", scene.sensors.count, 2)
    status = scene.broker.one(f"{PREFIX}/_agent/{AGENT}/status", 2)
    told = {f"{PREFIX}/{sensor}/alarm": alarm for sensor, alarm in scene.subscriber.alarms.items()}
    return len(alarms) == scene.sensors.count and alarms == told and status.get("state") == "online"


def quiet(scene: Scene) -> None:
    """Some alarms stand, and none changes from now on: what is published is published again."""
    poll(lambda: any(alarm["active"] for alarm in scene.subscriber.alarms.values()), 20, "an alarm")
    scene.sensors.pause()
    poll(lambda: not scene.sensors.missing(), 20, "the acknowledgement of every packet")
    poll(lambda: retains_all(scene), 20, "every alarm")


@pytest.mark.timeout(900)
def test_a_broker_that_is_restarted_again_and_again_costs_nothing(stage):
    scene = stage("SIGTERM of the broker")
    scene.begin()
    for _ in range(often(3, 60)):
        scene.wait(0.0, 2.0)
        scene.fault(scene.broker.stop)
        scene.wait(0.0, 2.0)
        scene.broker.start()
        scene.caught_up()
    assert scene.finish()["events repaired"] == 0
    assert retains_all(scene)


@pytest.mark.timeout(900)
def test_a_broker_that_is_killed_again_and_again_costs_what_it_alone_held(stage):
    """It comes back with what it had saved a while ago: old packets in the sessions, old alarms retained."""
    scene = stage("SIGKILL of the broker", sensors=5, rate_hz=5, block=3)
    scene.begin()
    for n in range(often(4, 60)):
        away = n % 2 == 0
        if away:  # the events of meanwhile are with the broker alone
            scene.subscriber.leave()
        if scene.chance.random() < 0.7:
            scene.broker.process.send_signal(signal.SIGUSR1)  # now
        scene.wait(1.0 if away else 0.2, 2.5)
        scene.fault(scene.broker.kill)
        if scene.chance.random() < 0.3:
            scene.sensors.reboot()  # they were on the same supply
        scene.wait(0.0, 1.0)
        scene.broker.start()
        if away:
            scene.subscriber.come()
        if not away or scene.chance.random() < 0.5:
            scene.caught_up()
    row = scene.finish(lost_at_broker=True)
    assert row["events repaired"] > 0
    assert retains_all(scene)


@pytest.mark.timeout(900)
def test_a_broker_that_comes_back_empty_is_told_everything_again(stage):
    scene = stage("broker back without its memory")
    scene.begin()
    for _ in range(often(1, 20)):
        quiet(scene)
        scene.fault(scene.broker.stop)
        (scene.broker.directory / "mosquitto.db").unlink()
        scene.broker.start()
        poll(lambda: retains_all(scene), 40, "every alarm and the status, told again")
        scene.sensors.resume()
        scene.caught_up()
        scene.wait(1.0, 3.0)
    scene.finish(lost_at_broker=True)
    assert retains_all(scene)


@pytest.mark.timeout(900)
def test_alarms_that_a_stranger_deletes_are_told_again_on_the_next_connection(stage):
    scene = stage("retained alarms deleted")
    scene.begin()
    for _ in range(often(1, 20)):
        quiet(scene)
        for sensor in scene.subscriber.alarms:
            scene.fault(lambda: scene.broker.publish(f"{PREFIX}/{sensor}/alarm", b"", "-r"))  # noqa: B023 (called at once)
        assert not scene.broker.retained(f"{PREFIX}/+/alarm", 1, 1)
        scene.wire.cut(scene.chance, all_of_them=True)
        poll(lambda: retains_all(scene), 20, "every alarm, told again")
        scene.sensors.resume()
        scene.caught_up()
    assert scene.finish()["events repaired"] == 0


@pytest.mark.timeout(900)
def test_an_agent_that_starts_without_a_broker_waits_and_loses_nothing(stage):
    scene = stage("agent starts without a broker")
    scene.begin()
    for _ in range(often(1, 12)):
        scene.fault(scene.agent.stop)
        scene.wait(0.0, 1.0)
        scene.broker.stop()
        scene.agent.start()
        time.sleep(often(4, 20))
        assert scene.agent.process.poll() is None
        scene.broker.start()
        scene.caught_up()
    assert scene.finish()["events repaired"] == 0
