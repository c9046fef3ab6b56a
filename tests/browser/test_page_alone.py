"""What runs in the browser, with a server of the test: views, keys, widths, hostile texts, a thousand machines."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING

import page_server
import pytest

pytest.importorskip("playwright")

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from page_server import PageServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
VIEWS = ("", "#/alarms", "#/agents", "#/machine/pump2-de", "#/machine/pump2-de/evidence/e-1")
HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture
def server() -> Iterator[PageServer]:
    lost = page_server.machine("old7-de", "unknown", "inner_race", "major") | {"agent_state": "offline"}
    refused = page_server.machine("slow8-de", "not_watched")
    refused["not_watched"] = {
        "reason": "gaps",
        "remedy": "Find the cause of the lost packets.",
        "since": page_server.iso(500),
    }
    machines = [
        page_server.machine("pump2-de", "active_unacked", "inner_race", "critical"),
        page_server.machine("hoist6-de", "cleared_unacked", "unknown", "minor"),
        page_server.machine("mill3-nde", "active_acked", "ball", "major"),
        page_server.machine("fan1-de"), lost, refused,
    ]  # fmt: skip
    with page_server.page_server(machines) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_axe_finds_nothing_serious(server: PageServer, visit: Callable, axe: Callable, scheme: str, width: int):
    a_visit = visit(server.url, width=width, color_scheme=scheme)
    for view in VIEWS:
        page = a_visit.open(view)
        expect(page.locator("h1")).to_have_count(1)
        assert (view, axe(page)) == (view, [])
    page = a_visit.open()
    page.get_by_role("button", name="Settings").click()
    assert axe(page) == []
    assert a_visit.failures == []


def test_a_phone_has_no_sideways_scrolling(server: PageServer, visit: Callable):
    a_visit = visit(server.url, width=360, height=740)
    for view in VIEWS:
        page = a_visit.open(view)
        page.wait_for_timeout(300)
        assert (view, page.evaluate("document.documentElement.scrollWidth")) == (view, 360)


def test_the_most_urgent_comes_first_and_the_filters_work(server: PageServer, visit: Callable):
    page = visit(server.url).open()
    names = page.locator(".rows .machine-link")
    wanted = ["pump2-de", "hoist6-de", "mill3-nde", "old7-de", "slow8-de", "fan1-de"]
    expect(names).to_have_text(wanted)
    page.keyboard.press("/")
    page.keyboard.type("ball")
    expect(names).to_have_text(["mill3-nde"])
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="Not watched").click()
    expect(names).to_have_text(["slow8-de"])
    expect(page.locator(".rows")).to_contain_text("Find the cause of the lost packets.")


def test_a_text_of_a_document_is_never_markup(server: PageServer, visit: Callable):
    hostile = page_server.machine("pump2-de", "active_unacked", HOSTILE, "major")
    hostile["conditions"][0] |= {"comment": HOSTILE, "acked_by": HOSTILE, "label": HOSTILE}
    server.document["machines"] = [hostile]
    server.document["not_watched"] = [
        {"agent": HOSTILE, "name": HOSTILE, "reason": HOSTILE, "remedy": HOSTILE, "since": "no time"}
    ]
    a_visit = visit(server.url)
    for view in ("", "#/alarms", "#/agents", "#/machine/pump2-de"):
        page = a_visit.open(view)
        expect(page.locator("main img")).to_have_count(0)
        expect(page.locator("main")).to_contain_text("onerror")
    assert a_visit.failures == []


def test_the_keyboard_alone_acknowledges(server: PageServer, visit: Callable):
    page = visit(server.url).open()
    for _ in range(40):
        page.keyboard.press("Tab")
        if (page.evaluate("document.activeElement.getAttribute('aria-label')") or "").startswith("Acknowledge pump2"):
            break
    page.keyboard.press("Enter")
    page.keyboard.type("ana")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("Acknowledged: pump2-de, bearing defect: inner race")
    page.locator(".rows .machine-link").nth(1).focus()
    page.keyboard.press("a")
    expect(page.locator("#messages")).to_contain_text("Acknowledged: hoist6-de")
    assert [(c["verb"], c["sensor"], c["event_id"], c["by"]) for c in server.commands] == [
        ("ack", "pump2-de", "e-inner_race", "ana"),
        ("ack", "hoist6-de", "e-unknown", "ana"),
    ]


def test_each_answer_sends_its_command(server: PageServer, visit: Callable):
    page = visit(server.url).open("#/machine/pump2-de")
    alarm = page.locator(".alarm")
    alarm.get_by_role("button", name="Real fault").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What was found?").fill("spalling")
    dialog.get_by_role("button", name="Acknowledge as real").click()
    page.get_by_role("dialog").get_by_label("Name").fill("ana")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("real fault")
    alarm.get_by_role("button", name="Shelve").click()
    dialog.get_by_label("For how long").select_option("7200")
    dialog.get_by_role("button", name="Shelve").click()
    expect(page.locator("#messages")).to_contain_text("Shelved")
    alarm.get_by_role("button", name="False alarm").click()
    dialog.get_by_role("button", name="Mark as false alarm").click()
    expect(page.locator("#messages")).to_contain_text("false alarm")
    real, shelved, false = server.commands
    assert (real["verb"], real["comment"], real["event_id"]) == ("ack", "real: spalling", "e-inner_race")
    assert (shelved["verb"], shelved["duration_s"], shelved["condition"]) == ("shelve", 7200, "inner_race")
    assert (false["verb"], false["event_id"]) == ("false_alarm", "e-inner_race")


def test_a_new_alarm_is_announced_and_an_agent_that_is_offline_has_a_bar(server: PageServer, visit: Callable):
    page = visit(server.url).open()
    expect(page.locator(".bar")).to_have_count(0)
    event = page_server.condition("ball", "active_unacked", "major") | {"sensor": "fan1-de", "agent": "line4"}
    server.push("alarm", event)
    expect(page.locator("#announcer")).to_have_text("New alarm: fan1-de, Bearing defect: ball, Major")
    assert page.locator("#announcer").get_attribute("aria-live") == "assertive"
    agent = server.document["agents"][0] | {"state": "offline"}
    server.push("change", {"machines": [], "agents": [agent], "now": page_server.iso()})
    expect(page.locator(".bar")).to_contain_text("Agent line4: not running.")
    expect(page.locator(".agent-card")).to_contain_text("Offline")


def test_the_theme_stays_as_it_was_chosen(server: PageServer, visit: Callable):
    page = visit(server.url, color_scheme="light").open()
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    button = page.get_by_role("button", name="Theme")
    button.click()
    assert page.evaluate(colour) == light
    button.click()
    expect(button).to_have_text("Theme: dark")
    dark = page.evaluate(colour)
    assert dark != light
    page.reload()
    assert page.evaluate(colour) == dark


def test_a_hidden_page_asks_for_no_signal(server: PageServer, visit: Callable):
    a_visit = visit(server.url)
    asked: list[str] = []
    a_visit.page.on("request", lambda r: asked.append(r.url) if r.url.endswith("snapshot") else None)
    page = a_visit.open("#/machine/pump2-de")
    page.wait_for_timeout(4500)
    seen = len(asked)
    assert 2 <= seen <= 4
    page.evaluate("""() => {
        Object.defineProperty(document, "hidden", {get: () => true});
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    page.wait_for_timeout(4500)
    assert len(asked) <= seen + 1


CHANGE = """(text) => {
    const began = performance.now();
    store.takeChange(JSON.parse(text));
    document.body.offsetHeight;
    return performance.now() - began;
}"""


def test_a_change_of_a_thousand_machines_takes_little_time(server: PageServer, visit: Callable):
    """A message in which every machine has changed: read, applied, laid out. A server sends four a second at most."""
    server.document["machines"] = machines = page_server.many(1000)
    page = visit(server.url).open()
    expect(page.locator(".rows .row")).to_have_count(1000)
    page.evaluate("async () => { window.store = await import('/app/store.js'); }")
    took_ms = []
    for turn in range(12):
        for each in machines:
            each["result"]["rms"] = 0.3 + 0.01 * turn
            each["trend"] = [*each["trend"][1:], 0.3 + 0.01 * turn]
        took_ms.append(page.evaluate(CHANGE, json.dumps({"machines": machines, "now": page_server.iso()})))
    assert statistics.median(took_ms) < 250, took_ms  # 60 to 110 on two busy cores
    expect(page.locator(".rows .rms").first).to_have_text("0.41 g")


def test_without_the_server_nothing_is_normal_and_it_heals(server: PageServer, visit: Callable):
    page = visit(server.url).open()
    expect(page.locator(".rows .badge", has_text="Normal")).to_have_count(1)
    server.break_off()
    expect(page.locator(".bar")).to_contain_text("No connection to the server of this page")
    expect(page.locator(".rows .badge", has_text="Normal")).to_have_count(0)
    expect(page.locator(".rows .row").first).to_contain_text("Last known: Bearing defect: inner race")
    expect(page.locator(".rows .row", has_text="fan1-de")).to_contain_text("Last known: normal")
    expect(page.locator(".rows button")).to_have_count(0)
    server.accept()
    expect(page.locator(".bar")).to_have_count(0, timeout=10_000)
    expect(page.locator(".rows .badge", has_text="Normal")).to_have_count(1)


def test_without_the_broker_nothing_is_normal(server: PageServer, visit: Callable):
    page = visit(server.url).open()
    broker = {"connected": False, "where": "127.0.0.1:1883", "error": "connection refused"}
    server.push("change", {"broker": broker, "now": page_server.iso()})
    expect(page.locator(".bar")).to_contain_text("no connection to the broker 127.0.0.1:1883. connection refused")
    expect(page.locator(".rows .badge", has_text="Not valid now")).to_have_count(6)
    server.push("change", {"broker": broker | {"connected": True}, "now": page_server.iso()})
    expect(page.locator(".bar")).to_have_count(0)
    expect(page.locator(".rows .badge", has_text="Not valid now")).to_have_count(1)
