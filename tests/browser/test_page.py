"""The page with a real broker, a real agent and a real drsn-web."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from servers import answers, free_port, poll

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

pytest.importorskip("playwright")
pytest.importorskip("starlette")

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page
    from servers import Agent, Mosquitto

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
INNER_RACE = next(each for each in DEMO_MACHINES if each.fault == "inner_race")
SENSOR = INNER_RACE.sensor
ALARM = f"drsn/v1/{SENSOR}/alarm"
FIRST_ALARM = """
window.seenAt = 0;
document.addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
    if (!seenAt && document.querySelector(".rows .badge.solid")) seenAt = Date.now();
}).observe(document.body, {subtree: true, childList: true}));
"""


class Web:
    """A `drsn-web` process that can be killed and started again on its port."""

    def __init__(self, broker: str, folder: Path) -> None:
        self.port = free_port()
        self.command = [
            sys.executable, "-m", "drsn.agent.tools.web",
            "--broker", broker, "--listen", f"127.0.0.1:{self.port}", "--state-dir", str(folder),
        ]  # fmt: skip
        self.log = folder.with_suffix(".log")
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=dict(os.environ))
        poll(lambda: answers(self.port), 30, what=self.log.read_text())

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture
def agent(mosquitto: Mosquitto, make_agent: Callable) -> Agent:
    bearing = INNER_RACE.model.bearing
    started = make_agent(
        mosquitto.url,
        more=f'[[sensors]]\nmatch = "{SENSOR}"\nbearing = {{balls = {bearing.balls}, ball_diameter_mm = '
        f"{bearing.ball_diameter_mm}, pitch_diameter_mm = {bearing.pitch_diameter_mm}}}\n",
    )
    started.start()
    return started


@pytest.fixture
def web(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Web]:
    process = Web(mosquitto.url, tmp_path / "page")
    try:
        process.start()
        yield process
    finally:
        process.kill()


def play(broker: Mosquitto, start_s: int = 1_700_000_000) -> None:
    """Publish three seconds of the machine."""
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for sent in frames([record(INNER_RACE, 3.0, DEMO_MACHINES.index(INNER_RACE))], plan, start_s * 1_000_000_000):
        broker.publish(sent.topic, sent.payload)


def row(page: Page):
    return page.locator(".rows .row", has_text=SENSOR)


def test_an_alarm_appears_within_a_second_and_is_acknowledged(
    mosquitto: Mosquitto, agent: Agent, web: Web, visit: Callable, wait_until: Callable
):
    a_visit = visit(web.url)
    a_visit.page.add_init_script(FIRST_ALARM)
    page = a_visit.open()
    expect(page.locator(".agent-card")).to_contain_text("Online")
    play(mosquitto)
    expect(row(page)).to_contain_text("Bearing defect: inner race", timeout=20_000)
    alarm = mosquitto.one(ALARM)
    began_s = datetime.fromisoformat(alarm["conditions"][0]["decided_at"].replace("Z", "+00:00")).timestamp()
    assert page.evaluate("seenAt") / 1000 - began_s < 1.0
    expect(page.locator("#announcer")).to_contain_text(f"New alarm: {SENSOR}")
    page.get_by_role("button", name=f"Acknowledge {SENSOR}").focus()  # from here on by the keyboard
    page.keyboard.press("Enter")
    page.keyboard.type("ana")
    page.keyboard.press("Enter")
    expect(row(page)).to_contain_text("Acknowledged")
    wait_until(lambda: mosquitto.one(ALARM)["state"] == "active_acked", what=agent.text())
    assert mosquitto.one(ALARM)["acked_by"] == "ana"
    row(page).get_by_role("link", name=SENSOR).click()
    page.get_by_role("button", name="Shelve").click()
    page.get_by_role("dialog").get_by_role("button", name="Shelve").click()
    expect(page.locator(".machine-title")).to_contain_text("Shelved")
    assert mosquitto.one(ALARM)["suppressed_by"] == "shelved"
    page.get_by_role("button", name="End shelving").click()
    wait_until(lambda: mosquitto.one(ALARM)["suppressed_by"] is None, what="the end of the shelving")
    expect(page.locator(".event", has_text="Acknowledged by ana")).to_have_count(1)
    assert a_visit.failures == []


def test_a_machine_shows_its_signal_and_the_evidence(
    mosquitto: Mosquitto, agent: Agent, web: Web, visit: Callable, tmp_path: Path
):
    assert agent.process
    a_visit = visit(web.url)
    page = a_visit.open()
    play(mosquitto)
    row(page).get_by_role("link", name=SENSOR).click(timeout=20_000)
    expect(page.locator(".picture canvas")).to_have_count(3, timeout=15_000)
    expect(page.locator(".picture")).to_contain_text("BPFI")
    expect(page.locator(".recent canvas").first).to_be_visible()
    page.locator(".event").get_by_role("link").first.click()
    expect(page.locator(".picture canvas")).to_have_count(3, timeout=15_000)
    for form in ("npz", "csv", "wav"):
        with page.expect_download() as download:
            page.get_by_role("link", name=f"Download .{form}").click()
        download.value.save_as(tmp_path / f"why.{form}")
        assert (tmp_path / f"why.{form}").stat().st_size > 1000
    assert a_visit.failures == []


def test_a_broker_that_dies_is_shown_and_heals(mosquitto: Mosquitto, agent: Agent, web: Web, visit: Callable):
    assert agent.process
    page = visit(web.url).open()
    play(mosquitto)
    expect(row(page)).to_contain_text("New alarm", timeout=20_000)
    mosquitto.kill()
    expect(page.locator(".bar")).to_contain_text("no connection to the broker", timeout=10_000)
    expect(row(page)).to_contain_text("Last known: Bearing defect: inner race")
    mosquitto.start()
    expect(page.locator(".bar")).to_have_count(0, timeout=40_000)
    expect(row(page)).to_contain_text("New alarm", timeout=40_000)


def test_a_server_that_dies_is_shown_and_heals(mosquitto: Mosquitto, agent: Agent, web: Web, visit: Callable):
    assert agent.process
    page = visit(web.url).open()
    play(mosquitto)
    expect(row(page)).to_contain_text("New alarm", timeout=20_000)
    web.kill()
    expect(page.locator(".bar")).to_contain_text("No connection to the server of this page")
    expect(row(page)).to_contain_text("Not valid now")
    web.start()
    expect(page.locator(".bar")).to_have_count(0, timeout=20_000)
    expect(row(page)).to_contain_text("New alarm", timeout=20_000)


def test_an_agent_that_is_gone_leaves_no_valid_state(mosquitto: Mosquitto, agent: Agent, web: Web, visit: Callable):
    page = visit(web.url).open()
    play(mosquitto)
    expect(row(page)).to_contain_text("New alarm", timeout=20_000)
    agent.end()
    expect(page.locator(".bar")).to_contain_text("not running", timeout=60_000)
    expect(row(page)).to_contain_text("Last known: Bearing defect: inner race")
    expect(row(page).get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_with_real_documents(
    mosquitto: Mosquitto, agent: Agent, web: Web, visit: Callable, axe: Callable, scheme: str
):
    assert agent.process
    wide = visit(web.url, color_scheme=scheme)
    page = wide.open()
    play(mosquitto)
    mosquitto.publish("plant/hall/oven/frame", b"no frame")
    expect(row(page)).to_contain_text("New alarm", timeout=20_000)
    for view in ("#/", "#/alarms", "#/agents", f"#/machine/{SENSOR}"):
        page = wide.open(view)
        page.wait_for_timeout(1000)
        assert (view, axe(page)) == (view, [])
    narrow = visit(web.url, width=360, height=740, color_scheme=scheme)
    for view in ("#/", "#/alarms", "#/agents", f"#/machine/{SENSOR}"):
        page = narrow.open(view)
        page.wait_for_timeout(500)
        assert (view, page.evaluate("document.documentElement.scrollWidth")) == (view, 360)
    assert wide.failures == narrow.failures == []
