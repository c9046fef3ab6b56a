"""Broken cables, machines that stand, sensors that fall silent: a real agent and a real broker."""

from __future__ import annotations

import json
import signal
import time
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.tools.demo.machines import DEMO_MACHINES, SAMPLE_RATE_HZ, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import Agent

WINDOW = 2048
SENSOR = "pump2-de"
STATUS = "drsn/v1/_agent/tester/status"
PUMP = next(actor for actor in DEMO_MACHINES if actor.sensor == SENSOR)


class Sensor:
    """One sensor, window by window, at no pace of its own."""

    def __init__(self, broker) -> None:
        self._broker = broker
        self._seq = count(1)
        self._samples = record(PUMP, 4.0, DEMO_MACHINES.index(PUMP)).samples
        self.sent = 0

    def send(self, windows: int, change: Callable[[np.ndarray], np.ndarray] = lambda x: x, **said: object) -> None:
        for _ in range(windows):
            seq = next(self._seq)
            start = seq % 20 * WINDOW
            samples = change(self._samples[:, start : start + WINDOW]).astype(np.float32)
            packet = Packet(samples, sample_rate_hz=SAMPLE_RATE_HZ, seq=seq, boot_id=1, **said)
            self._broker.publish(f"plant/hall/{SENSOR}/frame", frame.encode(packet))
        self.sent += windows


@pytest.fixture
def sensor(mosquitto) -> Sensor:
    return Sensor(mosquitto)


@pytest.fixture
def started(mosquitto, make_agent, wait_until) -> Callable[..., Agent]:
    """Start an agent with these settings, and wait for its subscription."""

    def start(more: str = "") -> Agent:
        agent = make_agent(mosquitto.url, more=more)
        agent.start()
        wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what=agent.text())
        return agent

    return start


def alarm(broker) -> dict:
    return broker.one(f"drsn/v1/{SENSOR}/alarm")


def state(broker) -> tuple[str, str | None, str | None]:
    document = alarm(broker)
    return document.get("state"), document.get("condition"), document.get("suppressed_by")


def opened(x: np.ndarray) -> np.ndarray:
    """The contact is open for 25 ms."""
    x = x.copy()
    x[:, 600:900] = 0
    return x


def test_a_loose_cable_is_a_sensor_fault_and_suppresses_what_the_machine_has(
    mosquitto, started, wait_until, sensor: Sensor
):
    agent = started()
    sensor.send(10)
    wait_until(lambda: state(mosquitto) == ("active_unacked", "inner_race", None), what=agent.text())
    sensor.send(6, opened)
    wait_until(lambda: state(mosquitto) == ("active_unacked", "inner_race", "sensor_fault"), what=agent.text())
    conditions = {entry["condition"]: entry["label"] for entry in alarm(mosquitto)["conditions"]}
    assert conditions["sensor_fault"] == "dropout"
    before = alarm(mosquitto)
    agent.stop(signal.SIGKILL)
    mosquitto.publish(f"drsn/v1/{SENSOR}/alarm", b"", "-r")
    agent.start()
    again = wait_until(lambda: alarm(mosquitto), what=agent.text())
    assert {**again, "not_watched": None} == {**before, "not_watched": None}, "all that stood stands"
    sensor.send(10)
    wait_until(lambda: state(mosquitto) == ("active_unacked", "inner_race", None), what=agent.text())
    assert [entry["condition"] for entry in alarm(mosquitto)["conditions"]] == ["inner_race"]


def test_a_broken_cable_never_becomes_a_machine_fault(mosquitto, started, wait_until, sensor: Sensor):
    agent = started()
    sensor.send(12, opened)
    wait_until(lambda: state(mosquitto)[1] == "sensor_fault", what=agent.text())
    assert len(alarm(mosquitto)["conditions"]) == 1


def test_a_machine_that_stands_or_runs_up_is_not_judged(mosquitto, started, wait_until, sensor: Sensor):
    agent = started("[gate]\nrpm = 1000\nsettle_s = 0.5")
    sensor.send(10, rpm=0.0)
    for rpm in range(300, 2900, 200):
        sensor.send(1, rpm=float(rpm))
    wait_until(lambda: mosquitto.health().get("windows") == sensor.sent, what=agent.text())
    assert state(mosquitto)[0] == "normal"
    sensor.send(14, rpm=2956.0)
    wait_until(lambda: state(mosquitto) == ("active_unacked", "inner_race", None), what=agent.text())
    sensor.send(2, rpm=500.0)
    wait_until(lambda: state(mosquitto) == ("active_unacked", "inner_race", "gate"), what=agent.text())


@pytest.mark.slow
def test_a_sensor_that_falls_silent_is_told_of_but_not_while_the_broker_is_away(
    mosquitto, started, wait_until, sensor: Sensor
):
    agent = started("[alarms]\nsilent_after_s = 4")
    for windows in range(1, 4):  # one after the other: a period is learned from pauses
        sensor.send(1)
        wait_until(lambda n=windows: mosquitto.health().get("windows") == n, what=agent.text())
    mosquitto.stop()
    wait_until(lambda: "connection lost" in agent.text(), what=agent.text())
    time.sleep(6)
    assert "condition=silent" not in agent.text()
    mosquitto.start()
    # The agent tries again within 30 s; then what was left of the time runs on.
    wait_until(lambda: state(mosquitto)[1] == "silent", 60, agent.text())
    sensor.send(1)
    wait_until(lambda: state(mosquitto)[0] == "normal", what=agent.text())


def test_the_sequential_rule_raises_by_evidence(mosquitto, started, wait_until, sensor: Sensor):
    agent = started('[alarms]\nrule = "sequential"\nfalse_alarms_per_sensor_year = 0.1')
    sensor.send(20)
    document = wait_until(lambda: (a := alarm(mosquitto)).get("condition") == "inner_race" and a, what=agent.text())
    assert document["evidence"] > 20
    assert document["votes"] <= document["of"] <= 20


def test_axes_odd_topics_and_a_shared_subscription_come_through_a_broker(mosquitto, started, wait_until):
    """One message with two axes, read by one input with channels and by another with a path, from a topic of a MAC."""
    more = """
    [[inputs]]
    topic = "$share/line4//cell/{mac}/axes"
    sensor = "{mac}"
    codec = "json"
    channels = ["x", "y"]
    sample_rate_hz = 12000
    [[inputs]]
    topic = "$share/line4//cell/{mac}/axes"
    sensor = "{mac}-again"
    codec = "json"
    fields.samples = "x"
    sample_rate_hz = 12000
    """
    agent = started(more)
    axis = np.sin(np.arange(WINDOW) / 3).tolist()
    mosquitto.publish("/cell/AA:BB/axes", json.dumps({"x": axis, "y": axis[::-1], "seq": 1}).encode())
    wait_until(lambda: mosquitto.health().get("windows", 0) == 3, what=agent.text())
    assert mosquitto.health()["packets"]["processed"] == 1
    found = mosquitto.retained("drsn/v1/+/alarm", 3)
    assert set(found) == {f"drsn/v1/AA~3aBB{end}/alarm" for end in ("-x", "-y", "-again")}
