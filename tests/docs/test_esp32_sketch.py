"""docs/start/sensors/esp32.md: its sketch compiles on the host, and the agent reads the values that it measured."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.intake import Intake
from drsn.agent.mqtt.message import Message
from drsn.agent.settings.inputs import inputs_of
from drsn.agent.settings.loader import load
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from drsn.agent.acquisition.sensor_stream import Window

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "start" / "sensors" / "esp32.md").read_text(encoding="utf-8")
STAND_INS = ROOT / "tests" / "fixtures" / "arduino"
PACKETS = 40
MAIN = f"int main() {{ setup(); for (int i = 0; i < {PACKETS}; i++) loop(); }}"

pytestmark = pytest.mark.slow


def block(language: str) -> str:
    """The first block of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[0]


def sent_by_the_sketch(folder: Path) -> list[tuple[str, str]]:
    """Topic and payload of each message."""
    if which("c++") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs c++: make example-tools")
    source = folder / "sketch.cpp"
    source.write_text(f"#include <Arduino.h>\n{block('cpp')}\n{MAIN}\n", encoding="utf-8")  # as Arduino's builder does
    command = ["c++", "-std=gnu++17", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    command += ["-I", str(STAND_INS), "-o", str(folder / "sketch"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([folder / "sketch"], capture_output=True, text=True, check=True, timeout=30)
    return [tuple(line.split(" ", 1)) for line in ran.stdout.splitlines()]


def test_the_sketch_sends_what_the_settings_of_its_page_read(tmp_path: Path):
    sent = sent_by_the_sketch(tmp_path)
    assert [topic for topic, _ in sent] == ["plant/press4/adxl345"] * PACKETS
    path = tmp_path / "agent.toml"
    path.write_text(block("toml"), encoding="utf-8")
    configuration = load(path)
    contract = open_bundle(configuration.bundle_path).contract
    intake = Intake(contract, inputs_of(configuration.settings, contract), 10, {})
    windows: dict[str, list[np.ndarray]] = {}

    def keep(sensor: str, window: Window) -> None:
        windows.setdefault(sensor, []).append(window.samples[0].copy())  # the buffer is used again

    for topic, payload in sent:
        message = Message(topic, payload.encode(), 1, False, 0.0, 10**18)
        intake.receive(message, InFlight(message), keep)
    assert not intake.take_notices()
    assert sorted(windows) == ["press4-x", "press4-y", "press4-z"]
    for axis, name in enumerate(sorted(windows)):
        samples = np.concatenate(windows[name])
        moments = np.arange(len(samples))
        counts = moments * (37 + 2 * axis) % 4001 - 2000
        np.testing.assert_allclose(samples[:2000], 0.0039 * counts[:2000], rtol=1e-5)
