"""The agent as a process: start, restart, bad input, orderly and sudden ends."""

from __future__ import annotations

import json
import signal
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from engine_files import write_engine
from fake_cuda import Gpu
from fake_tensorrt import Behaviour, fake
from servers import SYNTHETIC

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.backends.tensorrt.cuda import Device
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
INNER_RACE = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")
STATUS = "drsn/v1/_agent/tester/status"


def play(broker, seconds: float = 3.0, topic: str = "plant/hall/{sensor}/frame", actor=INNER_RACE) -> int:
    """Publish a demo machine as fast as it goes; the number of packets."""
    plan = ReplayPlan(topic=topic, speed=0.0)
    sent = list(frames([record(actor, seconds, DEMO_MACHINES.index(actor))], plan, 1_700_000_000_000_000_000))
    for entry in sent:
        broker.publish(entry.topic, entry.payload)
    return len(sent)


def processed(broker) -> int:
    return broker.health().get("packets", {}).get("processed", -1)


def test_a_defect_becomes_a_retained_alarm_and_the_status_says_who_watches(mosquitto, make_agent, wait_until):
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    sent = play(mosquitto)
    wait_until(lambda: processed(mosquitto) == sent, what=agent.text())
    alarm = mosquitto.one(f"drsn/v1/{INNER_RACE.sensor}/alarm")
    assert (alarm["state"], alarm["condition"], alarm["seq"]) == ("active_unacked", "inner_race", 1)
    status = mosquitto.one(STATUS)
    assert (status["state"], status["ingest"], status["agent"]) == ("online", "connected", "tester")
    assert agent.stop() == 0
    assert mosquitto.one(STATUS)["state"] == "stopped"


def test_the_abort_of_the_watchdog_comes_to_the_main_thread(mosquitto, make_agent, wait_until):
    """Its stack is written whole only if it does not run meanwhile."""
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    blocked = {}
    for status in Path(f"/proc/{agent.process.pid}/task").glob("*/status"):
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
        blocked[int(status.parent.name)] = bool(int(fields["SigBlk"], 16) >> (signal.SIGABRT - 1) & 1)
    assert len(blocked) > 4
    assert [thread for thread, it_is in blocked.items() if not it_is] == [agent.process.pid]
    assert agent.stop() == 0


def test_a_will_that_comes_after_we_have_connected_does_not_stand(mosquitto, make_agent, wait_until):
    """As clusters of brokers send it; nor does somebody's emptying of the topic."""
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    told = mosquitto.one(STATUS)
    for payload in (json.dumps(told | {"state": "offline"}).encode(), b""):
        mosquitto.publish(STATUS, payload, "-r", "-q", "1")
        wait_until(lambda: mosquitto.one(STATUS, 2) == told, what="our own word stands again")


def test_a_killed_agent_is_offline_and_its_successor_knows_what_it_knew(mosquitto, make_agent, wait_until):
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    sent = play(mosquitto)
    wait_until(lambda: processed(mosquitto) == sent, what=agent.text())
    before = mosquitto.one(f"drsn/v1/{INNER_RACE.sensor}/alarm")
    agent.stop(signal.SIGKILL)
    wait_until(lambda: mosquitto.one(STATUS)["state"] == "offline", what="the last will")
    mosquitto.publish(f"drsn/v1/{INNER_RACE.sensor}/alarm", b"", "-r")  # the broker forgot
    agent.start()
    again = wait_until(lambda: mosquitto.one(f"drsn/v1/{INNER_RACE.sensor}/alarm", 2))
    assert again["not_watched"]["reason"] == "no_packet", "nothing came since the start"
    assert {**again, "not_watched": None} == {**before, "not_watched": None}


def test_packets_of_the_time_without_an_agent_are_not_lost(mosquitto, make_agent, wait_until):
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    agent.stop(signal.SIGKILL)
    sent = play(mosquitto)
    agent.start()
    wait_until(lambda: processed(mosquitto) == sent, what=agent.text())
    assert mosquitto.one(f"drsn/v1/{INNER_RACE.sensor}/alarm")["condition"] == "inner_race"


def test_without_a_broker_the_agent_is_ready_and_says_so_and_connects_when_it_appears(
    mosquitto, make_agent, wait_until
):
    mosquitto.stop()
    agent = make_agent(mosquitto.url)
    agent.launch()
    wait_until(lambda: "event=ready" in agent.text(), what="ready")
    wait_until(lambda: "no connection, trying again" in agent.text(), what="a word about the broker")
    mosquitto.start()
    assert wait_until(lambda: mosquitto.one(STATUS).get("state") == "online", 40)


def test_bad_input_is_counted_by_reason_and_no_other_sensor_notices(mosquitto, make_agent, wait_until):
    agent = make_agent(mosquitto.url)
    agent.start("--set", "agent.max_sensors=2")
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    samples = np.ones((1, 2048), np.float32)
    good = frame.encode(Packet(samples, sample_rate_hz=12_000.0, seq=7, boot_id=1))
    slow = frame.encode(Packet(samples, sample_rate_hz=1_000.0, seq=8))
    nan = np.full(64, np.nan, "<f4").tobytes()
    flipped = good[:-1] + bytes([good[-1] ^ 1])
    bad = [
        ("frame", good[:100]), ("frame", good[:10]), ("frame", flipped), ("frame", b"XXXX" + good[4:]), ("frame", slow),
        ("raw", nan), ("raw", b"\0" * 5), ("json", b"{no json"), ("json", b'{"samples": "%%"}'),
        ("raw", b"\0" * 10_000_000),
    ]  # fmt: skip
    for kind, payload in bad:
        mosquitto.publish(f"plant/hall/broken/{kind}", payload)
    mosquitto.publish(f"plant/hall/{65 * 'm'}/raw", b"\0" * 400)
    sent = play(mosquitto)
    for surplus in ("second", "third"):
        mosquitto.publish(f"plant/hall/{surplus}/frame", good)
    health = wait_until(
        lambda: (h := mosquitto.health()).get("packets", {}).get("received", 0) >= sent + len(bad) + 3 and h,
        what=agent.text(),
    )
    assert health["rejected"] == {
        "truncated": 3, "bad_crc": 1, "bad_header": 1, "wrong_rate": 1, "non_finite": 1, "bad_document": 2,
        "too_large": 1, "illegal_sensor": 1, "too_many_sensors": 1,
    }  # fmt: skip
    assert health["packets"]["processed"] == sent + 1
    assert mosquitto.one(f"drsn/v1/{INNER_RACE.sensor}/alarm")["condition"] == "inner_race"
    assert agent.text().count("packet refused") == len(health["rejected"]), "logged once per reason and interval"


def test_the_shipped_broker_fragment_is_one_that_mosquitto_takes(mosquitto, make_agent, wait_until, tmp_path):
    mosquitto.stop()
    fragment = (ROOT / "configs" / "broker" / "mosquitto.conf").read_text()
    mosquitto.extra = f"{fragment}\npersistence_location {tmp_path}/\nuser root\n"
    mosquitto.start()
    make_agent(mosquitto.url).start()
    assert wait_until(lambda: mosquitto.one(STATUS).get("state") == "online", 40)


def test_a_retained_packet_is_refused(mosquitto, make_agent, wait_until):
    mosquitto.publish("plant/hall/old/raw", b"\0" * 8192, "-r")
    agent = make_agent(mosquitto.url)
    agent.start()
    assert wait_until(lambda: mosquitto.health().get("rejected") == {"retained": 1}, what=agent.text())


def test_every_event_of_the_journal_reaches_the_broker_in_order(mosquitto, make_agent, wait_until, tmp_path):
    agent = make_agent(mosquitto.url)
    agent.start("--set", "alarms.raise_after=1/1", "--set", "alarms.clear_after=1/1")
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    listener = mosquitto.listen("drsn/v1/+/event")
    healthy = next(actor for actor in DEMO_MACHINES if actor.fault is None)
    for _round in range(3):
        for actor in (INNER_RACE, healthy):
            play(mosquitto, 1.0, f"plant/hall/{INNER_RACE.sensor}/frame", actor)
    wait_until(
        lambda: mosquitto.health().get("unpublished_events") == 0 and processed(mosquitto) == 30, what=agent.text()
    )
    assert agent.stop() == 0
    heard = [json.loads(line) for line in listener.lines()]
    with sqlite3.connect(tmp_path / "state" / "agent.sqlite3") as db:
        journal = [json.loads(row[0]) for row in db.execute("SELECT event FROM journal ORDER BY id")]
    db.close()
    assert heard == journal
    assert [event["seq"] for event in heard] == list(range(1, len(heard) + 1))
    assert len(heard) >= 6


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("agent.bundle=nowhere.zip", "no such file"),
        ("agent.colour=blue", "unknown setting"),
        ("agent.backend=tensorrt", "engines run on an NVIDIA GPU with its driver"),
    ],
)
def test_a_wrong_configuration_ends_in_one_line(
    make_agent: Callable, run_agent: Callable, monkeypatch: pytest.MonkeyPatch, option: str, complaint: str
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # wherever this runs
    agent = make_agent("mqtt://127.0.0.1:1")
    done = run_agent("check", "--config", str(agent.config), "--set", option)
    assert done.returncode == (69 if "tensorrt" in option else 78)
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_check_says_what_would_run(make_agent: Callable, run_agent: Callable):
    agent = make_agent("mqtt://127.0.0.1:1")
    report = json.loads(run_agent("check", "--config", str(agent.config), "--json").stdout)
    assert report["bundle"]["name"] == "synthetic"
    assert report["backend"] == "onnxruntime"


@pytest.fixture
def misfit(tmp_path: Path) -> Path:
    """A folder with an engine of the shipped bundle that fits no machine at all."""
    gpu = Gpu(device=Device("GPU of another plant", (8, 7), (12, 6), 1))
    library = fake("10.3.0", Behaviour(gpu))
    return write_engine(tmp_path / "engines", library, open_bundle(SYNTHETIC), gpu.device).parent


def test_an_engine_that_does_not_fit_makes_the_agent_degraded_and_it_watches_all_the_same(
    mosquitto, make_agent: Callable, wait_until: Callable, misfit: Path
):
    agent = make_agent(mosquitto.url)
    agent.start("--set", f"agent.engine_dir={misfit}")
    status = wait_until(lambda: (s := mosquitto.one(STATUS)).get("ingest") == "connected" and s, what=agent.text())
    assert (status["state"], status["backend"], status["engine"]) == ("degraded", "onnxruntime", None)
    assert len(status["reasons"]) == 1
    assert status["reasons"][0].startswith("backend 'tensorrt': ")
    assert "level=error logger=agent.service.health event=degraded backend=onnxruntime" in agent.text()
    sent = play(mosquitto)
    wait_until(lambda: processed(mosquitto) == sent, what=agent.text())
    assert mosquitto.one(f"drsn/v1/{INNER_RACE.sensor}/alarm")["condition"] == "inner_race"


def test_check_warns_of_an_engine_that_does_not_fit(make_agent: Callable, run_agent: Callable, misfit: Path):
    agent = make_agent("mqtt://127.0.0.1:1")
    done = run_agent("check", "--config", str(agent.config), "--set", f"agent.engine_dir={misfit}", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert (report["backend"], report["engine"], len(report["warnings"])) == ("onnxruntime", None, 1)


def test_two_agents_do_not_share_a_state_directory(mosquitto, make_agent: Callable, run_agent: Callable):
    agent = make_agent(mosquitto.url)
    agent.start()
    done = run_agent("run", "--config", str(agent.config))
    assert done.returncode == 78
    assert "another agent" in done.stderr
