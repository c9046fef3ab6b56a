"""Writes the pictures of docs/use/page.md: `make screenshots`.

Everything is real: mosquitto, an agent, the machines of the demo, drsn-web and a browser.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, play

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

ASSETS: Final = Path(__file__).parents[1] / "assets"
SECONDS: Final = 60.0
"""Length of the recordings; conveyor5 degrades over them."""

MAX_BYTES: Final = 200_000
COLOURS: Final = 256
WIDE: Final = (1600, 680)
PHONE: Final = (390, 780)
REFUSED: Final = "plant/demo/oven6-de/frame"
"""A source whose packets cannot be read: it is not watched."""


def main() -> None:
    """Start everything, and take the pictures."""
    chromium = shutil.which("chromium") or sys.exit("needs chromium: make browser")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drsn-screenshots-")))
        broker, page = _free_port(), _free_port()
        stack.enter_context(_mosquitto(folder, broker))
        stack.enter_context(_process("drsn.agent", "run", "--config", str(_configuration(folder, broker))))
        stack.enter_context(_packets(broker))
        stack.enter_context(_page(folder, broker, page))
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--font-render-hinting=none"]
        )
        _take(browser, f"http://127.0.0.1:{page}/")


def _take(browser: Browser, url: str) -> None:
    wide, height = WIDE
    day = browser.new_page(viewport={"width": wide, "height": height}, color_scheme="light")
    day.goto(url)
    day.locator(".rows .badge.solid").nth(2).wait_for(timeout=60_000)
    _acknowledge(day)
    day.wait_for_timeout(45_000)  # the trend needs some minutes of an hour; the fourth machine its alarm
    _save(day, "page-machines")
    day.goto(f"{url}#/alarms")
    day.locator(".event").first.wait_for()
    _save(day, "page-alarms")
    day.goto(f"{url}#/machine/pump2-de")
    _with_signal(day)
    day.set_viewport_size({"width": wide, "height": 1130})
    day.wait_for_timeout(3000)
    _save(day, "page-machine")
    night = browser.new_page(
        viewport={"width": PHONE[0], "height": PHONE[1]}, device_scale_factor=2, color_scheme="dark"
    )
    night.goto(url)
    night.locator(".rows .row").nth(3).wait_for()
    night.wait_for_timeout(1000)
    _save(night, "page-phone")


def _acknowledge(page: Page) -> None:
    page.get_by_role("button", name="Acknowledge pump2").or_(
        page.get_by_role("button", name="Acknowledge mill3")
    ).first.click()
    page.get_by_role("dialog").get_by_label("Name").fill("ana")
    page.get_by_role("button", name="Continue").click()
    page.locator(".rows .badge", has_text="Acknowledged").first.wait_for()
    page.mouse.move(0, 0)


def _with_signal(page: Page) -> None:
    page.locator(".picture canvas").nth(2).wait_for()
    page.wait_for_timeout(2500)


def _save(page: Page, name: str) -> None:
    """A picture with few colours, which keeps it small.

    Raises:
        SystemExit: it has more than `MAX_BYTES`.
    """
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    path = ASSETS / f"{name}.png"
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MAX_BYTES:
        sys.exit(f"{path} has more than {MAX_BYTES} bytes")


def _configuration(folder: Path, broker: int) -> Path:
    sensors = "\n".join(
        f"[[sensors]]\nmatch = {json.dumps(machine.sensor)}\nbearing = {{balls = {bearing.balls}, "
        f"ball_diameter_mm = {bearing.ball_diameter_mm}, pitch_diameter_mm = {bearing.pitch_diameter_mm}, "
        f"contact_angle_deg = {bearing.contact_angle_deg}}}"
        for machine in DEMO_MACHINES
        for bearing in [machine.model.bearing]
    )
    path = folder / "agent.toml"
    path.write_text(
        f"""
[agent]
id = "hall3"
bundle = "shipped:synthetic"
state_dir = {json.dumps(str(folder / "state"))}
health_every_s = 2
[mqtt]
url = "mqtt://127.0.0.1:{broker}"
[[inputs]]
topic = "plant/demo/{{sensor}}/frame"
sensor = "{{sensor}}"
codec = "frame"
unit = "g"
{sensors}
""",
        encoding="utf-8",
    )
    return path


@contextmanager
def _packets(broker: int) -> Iterator[None]:
    """Publish the machines of the demo without end, and packets that cannot be read."""
    recordings = [record(machine, SECONDS, index) for index, machine in enumerate(DEMO_MACHINES)]
    options = ConnectionOptions(name="replay", client_id="drsn-screenshots")
    connection, stop = Connection(BrokerAddress("127.0.0.1", broker), options), threading.Event()
    connection.start()
    plan = ReplayPlan(topic="plant/demo/{sensor}/frame", loop=True)
    replay = threading.Thread(target=play, args=(recordings, plan, connection, stop), daemon=True)
    time.sleep(5.0)  # the agent looks first whether another one has its id
    replay.start()
    connection.publish(REFUSED, b"no frame", qos=1)
    try:
        yield
    finally:
        stop.set()
        replay.join(10)
        connection.stop()


@contextmanager
def _page(folder: Path, broker: int, port: int) -> Iterator[None]:
    address, state = f"127.0.0.1:{port}", str(folder / "page")
    arguments = ("--broker", f"mqtt://127.0.0.1:{broker}", "--listen", address, "--state-dir", state)
    with _process("drsn.agent.tools.web", *arguments):
        _await(port)
        yield


@contextmanager
def _mosquitto(folder: Path, port: int) -> Iterator[None]:
    path = folder / "mosquitto.conf"
    path.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
    binary = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") or sys.exit(
        "needs mosquitto: make broker"
    )
    command = [binary, "-c", str(path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603 (no input from outside)
        try:
            _await(port)
            yield
        finally:
            process.terminate()


@contextmanager
def _process(module: str, *arguments: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", module, *arguments]) as process:  # noqa: S603 (no input from outside)
        try:
            yield
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int) -> None:
    deadline_s = time.monotonic() + 60.0
    while time.monotonic() < deadline_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


if __name__ == "__main__":
    main()
