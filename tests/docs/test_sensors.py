"""docs/start/sensors: each page's configuration reads the payload of its source, and its scripts send what it reads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.intake import Intake
from drsn.agent.mqtt.message import Message
from drsn.agent.service.sample import reports_of
from drsn.agent.settings.inputs import inputs_of
from drsn.agent.settings.loader import load
from drsn.agent.settings.presets import PRESETS
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "start" / "sensors"
SAMPLES = ROOT / "tests" / "fixtures" / "sensors"
"""Payloads in the form that each source documents."""

CAPTURED = [
    ("esp32.md", "esp32.json", None, ["machine-x", "machine-y", "machine-z"]),
    ("telegraf.md", "telegraf.influx", None, ["machine"]),
    ("senml.md", "senml.json", None, ["machine"]),
    ("opcua.md", "opcua.json", None, ["publisher"]),
    ("node-red.md", "node-red.json", None, ["machine"]),
    ("sparkplug.md", "sparkplug.bin", "spBv1.0/hall/DDATA/gateway/press4", ["gateway-press4"]),
]


def block(page: str, language: str, having: str = "") -> str:
    """The fenced block of a page."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return next(b for b in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if having in b)


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], tuple[Settings, ModelContract]]:
    """The settings of a page, and the contract of their bundle."""

    def make(page: str) -> tuple[Settings, ModelContract]:
        path = tmp_path / "agent.toml"
        path.write_text(block(page, "toml", "[[inputs]]"), encoding="utf-8")
        configuration = load(path)
        return configuration.settings, open_bundle(configuration.bundle_path).contract

    return make


@pytest.mark.parametrize(("page", "sample", "topic", "sensors"), CAPTURED, ids=[row[0] for row in CAPTURED])
def test_the_page_s_settings_read_the_payload_of_its_source(page, sample, topic, sensors, configured):
    settings, contract = configured(page)
    reports = reports_of(SAMPLES / sample, topic, settings, contract)
    assert [reading.sensor for reading in reports] == sensors
    for reading in reports:
        assert reading.samples == 256
        assert 0.2 < reading.rms[0] < 2
        assert not reading.doubts


def test_every_preset_has_a_page_and_a_captured_payload():
    assert {preset.page for preset in PRESETS.values()} <= {row[0] for row in CAPTURED}
    for name, preset in PRESETS.items():
        assert name in (PAGES / preset.page).read_text(encoding="utf-8") or name == "json-axes"


def test_the_payloads_that_a_page_shows_are_read(configured, tmp_path: Path):
    for page in ("opcua.md", "senml.md", "telegraf.md"):
        path = tmp_path / "shown"
        path.write_text(block(page, "text" if page == "telegraf.md" else "json"), encoding="utf-8")
        (reading,) = reports_of(path, None, *configured(page))
        assert reading.first_values[0][:2] == (0.125, 0.25)


class Ended(Exception):  # noqa: N818 (it ends a script that runs for ever)
    """Enough was sent."""


class Client:
    """Paho's client as the scripts use it; it keeps what they publish."""

    def __init__(self, *_: object, **__: object) -> None:
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []
        CLIENTS.append(self)

    def connect(self, _host: str) -> None:
        """Connect to nothing."""

    def loop_start(self) -> None:
        """Start no thread."""

    def publish(self, topic: str, payload: bytes, qos: int, properties: Any) -> None:  # noqa: ANN401
        """Keep the message; end after four."""
        assert qos == 1
        self.sent.append((topic, payload, dict(properties.UserProperty)))
        if len(self.sent) == 4:
            raise Ended


CLIENTS: list[Client] = []


def fifo() -> Iterator[bytes]:
    """Moments of an ADXL345: three 16-bit counts."""
    rng = np.random.default_rng(3)
    level = np.zeros(3)
    while True:
        level = 0.9 * level + rng.standard_normal(3) * 40
        yield level.astype("<i2").tobytes()


class Spi:
    """spidev's device with a sensor behind it."""

    def __init__(self) -> None:
        self._moments = fifo()

    def open(self, _bus: int, _device: int) -> None:
        """Open nothing."""

    def xfer2(self, sent: list[int]) -> list[int]:
        """Answer as the sensor does."""
        if sent[0] == 0x39 | 0x80:
            return [0, 32]
        return [0, *next(self._moments)] if sent[0] == 0x32 | 0xC0 else [0] * len(sent)


class Task:
    """nidaqmx's task with two accelerometers."""

    def __init__(self) -> None:
        self.ai_channels = types.SimpleNamespace(add_ai_accel_chan=lambda *_args, **_options: None)
        self.timing = types.SimpleNamespace(cfg_samp_clk_timing=lambda *_args, **_options: None)
        self._rng = np.random.default_rng(4)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def read(self, count: int) -> list[list[float]]:
        """Rows of samples."""
        return np.cumsum(self._rng.standard_normal((2, count)), axis=1).tolist()


MODULES = {
    "spidev": types.SimpleNamespace(SpiDev=Spi),
    "nidaqmx": types.SimpleNamespace(Task=Task),
    "nidaqmx.constants": types.SimpleNamespace(AcquisitionType=types.SimpleNamespace(CONTINUOUS=1)),
}


@pytest.mark.parametrize(
    ("page", "sensors"),
    [("raspberry-pi.md", {"press4-x", "press4-y", "press4-z"}), ("daq.md", {"press4-de", "press4-fe"})],
)
def test_the_page_s_script_sends_what_its_settings_read(page, sensors, configured, monkeypatch: pytest.MonkeyPatch):
    for name, module in MODULES.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("paho.mqtt.client.Client", Client)
    monkeypatch.setattr("time.sleep", lambda _s: None)
    with pytest.raises(Ended):
        exec(compile(block(page, "python"), page, "exec"), {})  # what a person would run
    settings, contract = configured(page)
    intake = Intake(contract, inputs_of(settings, contract), 10, {})
    windows = set()
    for topic, payload, properties in CLIENTS.pop().sent:
        message = Message(topic, payload, 1, False, 0.0, 10**18, properties)
        intake.receive(message, InFlight(message), lambda sensor, _window: windows.add(sensor))
    assert windows == sensors
    assert not intake.take_notices()


@pytest.mark.skipif(which("node") is None, reason="Node.js is not installed")
def test_the_function_of_node_red_makes_what_its_preset_reads(configured, tmp_path: Path):
    counts = (np.sin(np.arange(256) / 5) * 1000).astype("<i2")
    before = f"const context = new Map(); const msg = {{payload: Buffer.from('{counts.tobytes().hex()}', 'hex')}};"
    script = f"{before} console.log(JSON.stringify((() => {{ {block('node-red.md', 'js')} }})().payload))"
    made = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    path = tmp_path / "made.json"
    path.write_text(json.dumps(json.loads(made.stdout)), encoding="utf-8")
    (reading,) = reports_of(path, None, *configured("node-red.md"))
    assert (reading.samples, reading.seq) == (256, 1)
    assert reading.rms[0] == pytest.approx(0.0039 * counts.std(), rel=1e-3)
