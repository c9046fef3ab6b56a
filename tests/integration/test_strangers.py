"""What strangers make an agent remember: the resident memory of a real one stays bounded."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import Agent, Mosquitto

FEW = 20
"""Packets that are under way: what waits in the inbox is not to be counted here."""

HEALTH = "drsn/v1/_agent/tester/health"
STATUS = "drsn/v1/_agent/tester/status"


@contextmanager
def stranger(mosquitto: Mosquitto, wait_until: Callable) -> Iterator[Connection]:
    connection = Connection(BrokerAddress("127.0.0.1", mosquitto.port), ConnectionOptions("stranger", "stranger"))
    connection.start()
    try:
        wait_until(lambda: connection.connected, what="a connection")
        yield connection
    finally:
        connection.stop()


def rss_mb(agent: Agent, what: str = "VmHWM") -> float:
    """The most that it ever had, or what it has now (VmRSS)."""
    status = Path(f"/proc/{agent.process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(what))


class Flood:
    """Packets, never too many at once."""

    def __init__(self, connection: Connection, wait_until: Callable) -> None:
        self._connection, self._wait_until = connection, wait_until
        self.sent = 0

    def send(self, topic: str, payload: bytes) -> None:
        self._connection.publish(topic, payload, qos=1)
        self.sent += 1
        self._wait_until(lambda: self.sent - len(self._connection.confirmations) < FEW, what="the broker takes them")


def handled(mosquitto: Mosquitto) -> int:
    packets = mosquitto.health().get("packets", {})
    return packets.get("received", 0) - packets.get("in_flight", 0)


def test_topics_that_are_as_long_as_mqtt_lets_them_be_are_not_remembered(mosquitto, make_agent, wait_until):
    """A character has four bytes if one of them is an emoji: 260 kB a topic."""
    agent = make_agent(mosquitto.url)
    agent.start()
    before_mb = rss_mb(agent)
    area = "\U0001f600" + "a" * 65_000
    with stranger(mosquitto, wait_until) as connection:
        flood = Flood(connection, wait_until)
        for number in range(600):
            flood.send(f"plant/{area}{number:04d}/p{number}/frame", b"x")
        wait_until(lambda: handled(mosquitto) == 600, what="all")
    assert rss_mb(agent) - before_mb < 60, "150 MB if they were kept"
    assert mosquitto.health()["rejected"] == {"unknown_topic": 600}
    assert max(map(len, agent.text().splitlines())) < 2000


@pytest.mark.slow
def test_rates_that_no_sensor_has_take_no_more_than_their_share(mosquitto, make_agent, wait_until):
    """At 1 MHz a ring has 1.4 MB and eight windows 2.7 MB; a stranger names as many sensors as there may be."""
    agent = make_agent(mosquitto.url)
    agent.start("--set", "agent.max_sensors=100")
    before_mb = rss_mb(agent)
    samples = np.random.default_rng(1).standard_normal((1, 171_000)).astype(np.float32)
    with stranger(mosquitto, wait_until) as connection:
        flood = Flood(connection, wait_until)
        for seq in range(4):
            payload = frame.encode(Packet(samples, sample_rate_hz=1e6, seq=seq, boot_id=1), "i16", 0.001)
            for sensor in range(100):
                flood.send(f"plant/hall/s{sensor}/frame", payload)
                if not flood.sent % 50:
                    wait_until(lambda: handled(mosquitto) >= flood.sent - FEW, what="they are handled")
        wait_until(lambda: handled(mosquitto) == 400, what="all")
        wait_until(lambda: mosquitto.health()["windows"] == 400, what="each is diagnosed")
        health = mosquitto.health()
    assert rss_mb(agent) - before_mb < 180, "32 MB of rings, 64 MB of windows, and what passes through; else 300"
    assert health["evidence"]["crowded_out"] > 50
    assert health["evidence"]["memory_bytes"] <= 64 << 20


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_huge_status_is_not_taken_in(mosquitto, make_agent, wait_until, protocol):
    """Of one that is retained an agent thinks nothing; live ones are no agent's either."""
    size = 60 << 20 if protocol == "5" else 1 << 20  # 3.1.1 has no word for it: the broker sends what it has
    huge = b'{"state": "online", "x": "' + b"x" * size + b'"}'
    mosquitto.publish(STATUS, huge, "--retain")
    agent = make_agent(mosquitto.url)
    agent.start("--set", f"mqtt.protocol={protocol}")
    wait_until(lambda: mosquitto.one(STATUS).get("state") == "online", what="its own status stands")
    before_mb = rss_mb(agent)
    for topic in (HEALTH, STATUS):
        mosquitto.publish(topic, huge)
    wait_until(lambda: mosquitto.health().get("uptime_s", 0) > 2, what="it goes on")
    assert agent.process.poll() is None, agent.text()
    assert rss_mb(agent) - before_mb < 20
    assert before_mb < 130
    assert agent.stop() == 0
