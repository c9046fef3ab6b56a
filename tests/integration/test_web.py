"""The page's server on mosquitto: alarms, commands, a broker that goes away, and a real agent's evidence."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from journal_agent import Journal
from servers import free_port
from web_page import Browser, page_at, soon

from drsn.agent.acquisition.codecs import Packet, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers import Mosquitto


@pytest.fixture
def agent(mosquitto: Mosquitto) -> Iterator[Journal]:
    found = Journal(mosquitto.port)
    found.connection.start()
    soon(lambda: found.connection.connected)
    found.state()
    yield found
    found.connection.stop()


def machine_of(browser: Browser, sensor: str = "press4") -> dict | None:
    return next((each for each in browser.get("/api/state").json["machines"] if each["sensor"] == sensor), None)


def test_an_alarm_comes_within_a_second_and_an_acknowledgement_reaches_the_agent(
    mosquitto: Mosquitto, agent: Journal, tmp_path: Path
):
    with page_at(mosquitto.port, tmp_path) as browser:
        machine = soon(lambda: machine_of(browser))
        assert (machine["state"], machine["text"], machine["agent_state"]) == (
            "active_unacked", "ball (ball_007)", "online",
        )  # fmt: skip
        following = browser.follow()
        time.sleep(0.3)
        begun_s = time.monotonic()
        agent.raise_()
        soon(lambda: following.of("alarm"), 1.0)
        assert following.events[-1][0] - begun_s < 1.0
        assert following.of("alarm")[0]["event_id"] == "e-8"
        command = {"agent": "line4", "verb": "ack", "sensor": "press4", "condition": "ball", "event_id": "e-8"}
        reply = browser.post("/api/command", {**command, "by": "Ana", "comment": "real: heard it"})
        assert reply.json == {"ok": True, "reason": None}
        verb, seen = agent.commands[0]
        assert (verb, seen["by"], seen["comment"], seen["event_id"]) == ("ack", "Ana", "real: heard it", "e-8")
        events = soon(lambda: browser.get("/api/machines/press4/events").json["events"])
        assert [each["event_id"] for each in events] == ["e-8"]
        assert browser.get("/api/events").json["events"] == events
    with page_at(mosquitto.port, tmp_path) as browser:
        assert browser.get("/api/events").json["events"] == events, "a restart keeps them"


def test_a_broker_that_goes_away_is_shown_and_heals(mosquitto: Mosquitto, agent: Journal, tmp_path: Path):
    with page_at(mosquitto.port, tmp_path) as browser:
        soon(lambda: machine_of(browser))
        following = browser.follow()
        mosquitto.kill()
        change = soon(lambda: next((c for c in following.of("change") if c["broker"]), None))
        assert not change["broker"]["connected"]
        shown = soon(lambda: following.machine("press4"))
        assert shown["state"] == "unknown"
        assert shown["text"] == "no connection to the broker: last known ball (ball_007)"
        command = {"agent": "line4", "verb": "ack", "sensor": "press4", "by": "Ana", "event_id": "e-7"}
        reply = browser.post("/api/command", command)
        assert (reply.status, "no connection" in reply.json["error"]) == (504, True)
        mosquitto.start()
        soon(lambda: agent.connection.connected)
        agent.state()
        soon(lambda: (following.machine("press4") or {}).get("state") == "active_unacked", what="it heals")


def test_the_page_starts_without_a_broker(mosquitto: Mosquitto, tmp_path: Path):
    mosquitto.stop()
    with page_at(mosquitto.port, tmp_path) as browser:
        state = browser.get("/api/state").json
        assert (state["broker"]["connected"], state["machines"]) == (False, [])
        mosquitto.start()
        soon(lambda: browser.get("/api/state").json["broker"]["connected"], what="it connects")


def test_only_the_page_itself_may_command(mosquitto: Mosquitto, agent: Journal, tmp_path: Path):
    command = {"agent": "line4", "verb": "ack", "sensor": "press4", "by": "Ana", "event_id": "e-7"}
    token = "0123456789abcdef"
    with page_at(mosquitto.port, tmp_path, token) as browser:
        assert browser.get("/api/state").json["page"]["needs_token"]
        refused = {
            401: {"X_DRSN_Token": "wrong"},
            403: {"X_DRSN_Token": token, "Origin": "http://evil.example"},
            413: {"X_DRSN_Token": token, "Content_Length": "99999"},
        }
        for status, headers in refused.items():
            reply = browser.post("/api/command", command, **headers)
            assert (reply.status, list(reply.json)) == (status, ["error"])
        assert browser.get("/api/state", Host="evil.example").status == 403
        assert browser.post("/api/command", {**command, "verb": "reload"}, X_DRSN_Token=token).status == 400
        assert agent.commands == []
        assert browser.post("/api/command", command, X_DRSN_Token=token).json["ok"]
    with page_at(mosquitto.port, tmp_path, commands=False) as browser:
        assert browser.post("/api/command", command).status == 403


def test_the_process_ends_in_order_while_a_browser_follows(mosquitto: Mosquitto, agent: Journal, tmp_path: Path):
    port = free_port()
    options = ["--broker", mosquitto.url, "--listen", f"127.0.0.1:{port}", "--state-dir", str(tmp_path / "web")]
    command = [sys.executable, "-m", "drsn.agent.tools.web", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr.readline() == f"drsn-web: http://127.0.0.1:{port}/\n"
        browser = Browser(port)
        soon(lambda: machine_of(browser))
        following = browser.follow()
        agent.raise_()
        soon(lambda: following.of("alarm"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        following.close()
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    with sqlite3.connect(tmp_path / "web" / "history.db") as history:
        assert history.execute("SELECT id FROM event").fetchall() == [("e-8",)]
    history.close()


def test_pictures_and_files_of_a_real_agent(mosquitto: Mosquitto, make_agent: Callable, tmp_path: Path):
    agent = make_agent(mosquitto.url)
    agent.start("--set", "alarms.raise_after=1/1")
    packet = np.random.default_rng(1).standard_normal((1, 4 * 2048)).astype(np.float32)
    with page_at(mosquitto.port, tmp_path) as browser:
        for seq in (1, 2):
            payload = frame.encode(Packet(packet, sample_rate_hz=12_000.0, seq=seq, boot_id=1, unit="g"))
            mosquitto.publish("plant/hall/press4/frame", payload)
        machine = soon(lambda: (machine_of(browser) or {}).get("result") and machine_of(browser), what=agent.text())
        assert machine["result"]["rms"] == pytest.approx(1.0, abs=0.1)
        reply = browser.post("/api/machines/press4/snapshot", {})
        picture = reply.json
        assert reply.status == 200, picture
        assert (len(picture["waveform"]["t"]), len(picture["windows"]), picture["event_id"]) == (1024, 1, None)
        assert sum(len(picture[name]["f_hz"]) for name in ("spectrum", "envelope")) > 1000
        assert [each["block"] for each in picture["thresholds"]] == [0, 1, 2, 3]
        recent = browser.get("/api/machines/press4/recent").json
        assert len(recent["t"]) >= 1
        assert set(recent["probabilities"]) == set(recent["labels"])
        assert browser.get("/api/machines/press4/trend").json["rms"] == [pytest.approx(1.0, abs=0.1)]
        event = soon(lambda: browser.get("/api/events").json["events"], what=agent.text())[-1]
        path = f"/api/evidence/press4/{event['event_id']}"
        picture = browser.get(path).json
        assert picture["event_id"] == event["event_id"]
        assert browser.get(f"{path}.npz").body[:2] == b"PK"
        assert browser.get("/api/evidence/press4/none").status == 409
        assert browser.get("/api/evidence/other/none").status == 404
