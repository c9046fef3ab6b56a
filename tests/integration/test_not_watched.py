"""Sources that are not diagnosed, with a real agent and a real broker: each is found wherever a person looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from paho.mqtt import publish

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.tools.demo.machines import DEMO_MACHINES, SAMPLE_RATE_HZ, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WINDOW, SMALL = 2048, 60
STATUS = "drsn/v1/_agent/tester/status"
HEALTHY = next(machine for machine in DEMO_MACHINES if machine.fault is None)
ALARM = f"drsn/v1/{HEALTHY.sensor}/alarm"
LONG = "p" * 70
"""Too long for an id."""

EXPECTED = {
    f"plant/hall/{LONG}/frame": "illegal_id",
    "slow": "wrong_rate",
    "torn": "undecodable",
    "loose": "no_window",
    "lossy": "gaps",
    "surplus": "max_sensors",
}


def framed(samples: np.ndarray, seq: int, rate_hz: float = SAMPLE_RATE_HZ) -> bytes:
    packet = Packet(np.ascontiguousarray(samples, np.float32), sample_rate_hz=rate_hz, seq=seq, boot_id=1)
    return frame.encode(packet)


def packets() -> Iterable[tuple[str, bytes]]:
    """Topic and payload, of a healthy sensor and of sources that are not watched."""
    samples = record(HEALTHY, 4.0, DEMO_MACHINES.index(HEALTHY)).samples
    for seq in range(12):
        yield f"{HEALTHY.sensor}/frame", framed(samples[:, seq * WINDOW : (seq + 1) * WINDOW], seq)
    yield "slow/frame", framed(samples[:, :WINDOW], 1, 1000.0)  # while there is a place
    for seq in range(400):
        small = samples[:, seq * SMALL : (seq + 1) * SMALL].astype("<f4")
        yield "loose/raw", small.tobytes()  # without a seq nothing proves that they touch
        if seq % 30:
            yield "lossy/frame", framed(small, seq)
    yield "surplus/frame", framed(samples[:, :WINDOW], 1)
    yield "torn/frame", b"no frame"
    yield f"{LONG}/frame", framed(samples[:, :WINDOW], 1)


def send(broker, messages: Iterable[tuple[str, bytes]]) -> None:
    listed = [{"topic": f"plant/hall/{topic}", "payload": payload, "qos": 1} for topic, payload in messages]
    publish.multiple(listed, hostname="127.0.0.1", port=broker.port)


@pytest.mark.slow  # 10 s of signal with gaps, and the doctor's waits
def test_each_source_that_is_not_watched_is_found_wherever_a_person_looks(
    mosquitto, make_agent, run_agent: Callable, wait_until
):
    agent = make_agent(mosquitto.url)
    agent.start("--set", "agent.max_sensors=3")
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what=agent.text())
    send(mosquitto, packets())

    def listed() -> dict[str, str]:
        return {each["source"]: each["reason"] for each in mosquitto.health().get("not_watched", ())}

    wait_until(lambda: listed() == EXPECTED, what=agent.text())
    assert all(each["remedy"] and each["since"].startswith("20") for each in mosquitto.health()["not_watched"])
    status = mosquitto.one(STATUS)
    assert (status["state"], status["not_watched"]) == ("online", len(EXPECTED))
    assert all(f"{source} ({reason})" in status["warnings"][0] for source, reason in EXPECTED.items())
    alarms = mosquitto.retained("drsn/v1/+/alarm", 10, timeout_s=1)
    assert [topic for topic, document in alarms.items() if document["state"] == "normal"] == [ALARM]
    for source, reason in EXPECTED.items():
        lines = [line for line in agent.text().splitlines() if "source is not watched" in line and source in line]
        assert reason in lines[-1], "the last line in the log about it"

    shown = run_agent("alarms", "--all", "--broker", mosquitto.url).stdout.splitlines()
    rows = {name: line for line in shown for name in (*EXPECTED, HEALTHY.sensor) if line.split()[0] == name}
    assert "normal" in rows[HEALTHY.sensor]
    for source, reason in EXPECTED.items():
        assert "not watched" in rows[source]
        assert f"{reason}: " in rows[source]

    done = run_agent("doctor", "--config", str(agent.config), "--json")
    found = {each["check"]: each for each in json.loads(done.stdout)["findings"]}["sources"]
    assert found["state"] == "problem"
    assert all(f"{source} ({reason})" in found["said"] for source, reason in EXPECTED.items())
    assert any(f"{reason}: " in found["remedy"] for reason in EXPECTED.values())

    send(mosquitto, [(f"{HEALTHY.sensor}/frame", b"no frame")] * 5)
    blind = wait_until(lambda: (a := mosquitto.one(ALARM)).get("state") == "not_watched" and a, what=agent.text())
    assert (blind["not_watched"]["reason"], blind["conditions"]) == ("undecodable", [])
    samples = record(HEALTHY, 4.0, DEMO_MACHINES.index(HEALTHY)).samples
    send(mosquitto, [(f"{HEALTHY.sensor}/frame", framed(samples[:, :WINDOW], 12))])
    wait_until(lambda: mosquitto.one(ALARM).get("state") == "normal", what=agent.text())
