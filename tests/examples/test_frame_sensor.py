"""examples/frame_sensor: the agent diagnoses what the C program measures, and refuses a frame with a damaged CRC."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from c_program import compiled

from drsn.agent.acquisition.codecs import frame
from drsn.agent.acquisition.codecs.packet import PayloadFormat

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(__file__).parents[2] / "examples" / "frame_sensor" / "sensor.c"
TOPIC = "plant/hall/press4/frame"

pytestmark = pytest.mark.slow


def test_the_agent_diagnoses_the_frames_of_the_c_program(
    mosquitto, make_agent: Callable, wait_until: Callable, tmp_path: Path
):
    program = compiled(SOURCE, tmp_path, ("mosquitto.h", "zlib.h"), "-lmosquitto", "-lz", "-lm")
    agent = make_agent(mosquitto.url)
    agent.start()
    captured = tmp_path / "captured"
    with captured.open("wb") as out:
        command = ["mosquitto_sub", "-p", str(mosquitto.port), "-t", TOPIC, "-C", "1", "-N", "-F", "%p"]
        listener = subprocess.Popen(command, stdout=out)
        subprocess.run([program, "127.0.0.1", str(mosquitto.port), TOPIC, "4"], check=True, timeout=60)
        assert listener.wait(20) == 0
    wait_until(lambda: mosquitto.one("drsn/v1/press4/alarm").get("condition") == "inner_race", what=agent.text())
    payload = captured.read_bytes()
    packet = frame.decode(payload, {}, PayloadFormat())
    assert (packet.samples.shape, packet.sample_rate_hz, packet.seq, packet.unit) == ((1, 4096), 12_000, 0, "g")
    assert packet.boot_id
    assert packet.clock_synced
    wait_until(lambda: mosquitto.health()["windows"] == 22, what=str(mosquitto.health()))
    assert mosquitto.health()["rejected"] == {}
    damaged = bytearray(payload)
    damaged[100] ^= 1
    mosquitto.publish(TOPIC, bytes(damaged))
    wait_until(lambda: mosquitto.health()["rejected"] == {"bad_crc": 1}, what=str(mosquitto.health()))


def test_without_arguments_it_shows_its_use(tmp_path: Path):
    program = compiled(SOURCE, tmp_path, ("mosquitto.h", "zlib.h"), "-lmosquitto", "-lz", "-lm")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.startswith("usage: ")) == (64, True)
