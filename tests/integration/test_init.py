"""`drsn-agent init` against a sensor that publishes already: from nothing to the first result."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest
from paho.mqtt import client as mqtt

from drsn.agent.settings.loader import load
from drsn.agent.tools.demo.machines import DEMO_MACHINES, SAMPLE_RATE_HZ, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SIZE = 1000
SIGNAL = record(DEMO_MACHINES[0], 20.0, 0).samples[0]


def payload(at: int, start_s: float) -> str:
    samples = [round(float(value), 5) for value in SIGNAL[at * SIZE % 200_000 :][:SIZE]]
    t0_ms = round((start_s + at * SIZE / SAMPLE_RATE_HZ) * 1000)
    return json.dumps({"ts": t0_ms, "n": at, "acc": samples})


@pytest.fixture
def sensors(mosquitto) -> Iterator[None]:
    """Two machines with JSON of an own form, and a topic that is no vibration."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    stop, start_s = threading.Event(), time.time()

    def send() -> None:
        at = 0
        while not stop.wait(max(0.0, start_s + at * SIZE / SAMPLE_RATE_HZ - time.time())):
            for machine in ("fan1", "fan2"):
                client.publish(f"hall/{machine}/vibration", payload(at, start_s), qos=1)
                client.publish(f"hall/{machine}/temperature", "21.5")
            at += 1

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()
    client.loop_stop()


@pytest.mark.slow  # listens for some seconds, and runs the agent
def test_a_json_sensor_that_publishes_comes_to_its_first_result(
    sensors, mosquitto, run_agent: Callable, tmp_path: Path
):
    out, state = tmp_path / "agent.toml", tmp_path / "state"
    given = ("--broker", mosquitto.url, "--out", str(out), "--state-dir", str(state), "--seconds", "4", "--id", "fresh")
    done = run_agent("init", *given, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["result"]["sensor"] in ("fan1", "fan2")
    assert made["next"] == f"drsn-agent run --config {out}"
    (entry,) = load(out).settings.inputs
    assert (entry.topic, entry.sensor, entry.codec) == ("hall/{machine}/vibration", "{machine}", "json")
    assert (entry.fields.samples, entry.fields.t0, entry.fields.seq, entry.t0_unit) == ("acc", "ts", "n", "ms")
    assert entry.sample_rate_hz == SAMPLE_RATE_HZ
    assert made["inputs"][0]["guesses"]["sample_rate_hz"].startswith("estimated from t0")

    again = run_agent("init", *given, "--yes")
    assert (again.returncode, "--force" in again.stderr) == (64, True)


@pytest.mark.slow  # listens for some seconds
def test_a_broker_without_sensors_says_what_to_look_at(mosquitto, run_agent: Callable, tmp_path: Path):
    out = tmp_path / "agent.toml"
    done = run_agent("init", "--broker", mosquitto.url, "--out", str(out), "--seconds", "1", "--yes")
    assert done.returncode == 65
    assert "no sensor published on #" in done.stderr
    assert not out.exists()
