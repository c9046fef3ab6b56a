"""An operator's shell, a real broker, a real agent: see, acknowledge, shelve, ask what happened."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from servers import free_port

from drsn.agent.evidence.snapshot import snapshot_of
from drsn.agent.schema.evidence import SnapshotDocument
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable

ACTOR = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")
SENSOR = ACTOR.sensor


@pytest.fixture
def shell(mosquitto, make_agent: Callable, wait_until, run_agent: Callable) -> Callable[..., dict]:
    """`shell(command, *arguments)`: its JSON, after a machine has failed before the eyes of an agent."""
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(
        lambda: mosquitto.one("drsn/v1/_agent/tester/status").get("ingest") == "connected", what="the subscription"
    )
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for entry in frames([record(ACTOR, 3.0, DEMO_MACHINES.index(ACTOR))], plan, 1_700_000_000_000_000_000):
        mosquitto.publish(entry.topic, entry.payload)
    wait_until(lambda: mosquitto.one(f"drsn/v1/{SENSOR}/alarm").get("condition") == "inner_race", what=agent.text())

    def run(command: str, *arguments: str, code: int = 0, json_: bool = True) -> dict | str:
        options = ["--json"] if json_ else []
        done = run_agent(command, *arguments, "--broker", mosquitto.url, *options)
        assert done.returncode == code, (done.stdout, done.stderr, agent.text())
        return json.loads(done.stdout) if json_ else done.stdout + done.stderr

    run.agent = agent
    return run


@pytest.mark.slow
def test_see_acknowledge_and_look_again_after_the_agent_was_killed(shell: Callable, mosquitto, wait_until):
    alarm = shell("alarms")["alarms"][SENSOR]
    assert (alarm["state"], alarm["acked_by"]) == ("active_unacked", None)
    reply = shell("ack", SENSOR, "inner_race", "--by", "ana", "--comment", "bearing ordered")
    assert (reply["ok"], reply["events"][0]["acked_by"]) == (True, "ana")
    shell.agent.stop(signal.SIGKILL)
    wait_until(lambda: shell("alarms")["agents"]["tester"]["state"] == "offline")
    assert "STALE: agent tester is offline" in shell("alarms", json_=False)
    assert "did not answer" in shell("unshelve", SENSOR, code=69, json_=False)
    shell.agent.start()
    wait_until(lambda: shell("alarms")["agents"]["tester"]["state"] == "online")
    text = shell("alarms", json_=False)
    assert "active_acked" in text
    assert "acknowledged by ana" in text
    assert [event["state"] for event in shell("events", SENSOR)["events"]] == ["active_unacked", "active_acked"]
    assert "by ana: bearing ordered" in shell("events", SENSOR, json_=False)
    assert [event["seq"] for event in shell("events", SENSOR, "--from-seq", "2")["events"]] == [2]


def test_a_refusal_is_a_verdict_and_a_wrong_name_is_bad_data(shell: Callable):
    again = shell("ack", SENSOR, "inner_race", "--event-id", "unseen", code=1)
    assert (again["ok"], "read the alarm again" in again["reason"]) == (False, True)
    assert "refused: reset: inner_race is still active" in shell("reset", SENSOR, "inner_race", code=1, json_=False)
    assert "no alarm of sensor 'nobody'; it has" in shell("ack", "nobody", "ball", code=65, json_=False)
    assert "8 at most" in shell("shelve", SENSOR, "--hours", "9", code=64, json_=False)


@pytest.mark.slow
def test_shelve_and_out_of_service_are_in_sight_until_they_end(shell: Callable):
    assert {event["suppressed_by"] for event in shell("shelve", SENSOR, "--hours", "1")["events"]} == {"shelved"}
    assert "shelved until 20" in shell("alarms", json_=False)
    shell("out-of-service", SENSOR, "inner_race", "--comment", "overhaul")
    assert shell("alarms")["alarms"][SENSOR]["suppressed_by"] == "out_of_service"
    shell("in-service", SENSOR, "inner_race")
    shell("unshelve", SENSOR)
    assert shell("alarms")["alarms"][SENSOR]["suppressed_by"] is None


def test_answers_carry_the_correlation_of_mqtt_5(shell: Callable, mosquitto):
    asked = json.dumps({"request_id": "rr1", "by": "scada", "sensor": SENSOR})
    answer = subprocess.run(
        ["mosquitto_rr", "-p", str(mosquitto.port), "-V", "5", "-q", "1", "-W", "5", "-F", "%D %p",
         "-t", "drsn/v1/_agent/tester/cmd/events", "-e", "drsn/v1/_reply/scada/7", "-m", asked,
         "-D", "publish", "correlation-data", "c-42"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    correlation, _, document = answer.partition(" ")
    assert correlation == "c-42"
    assert json.loads(document)["ok"]


@pytest.mark.slow  # the client tries for CONNECT_S = 10 s
def test_a_broker_that_is_not_there_is_one_line(run_agent: Callable, monkeypatch: pytest.MonkeyPatch):
    done = run_agent("alarms", "--broker", f"mqtt://127.0.0.1:{free_port()}")
    assert done.returncode == 69
    assert "drsn-agent doctor" in done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_the_windows_behind_an_alarm_come_to_the_shell(shell: Callable, mosquitto, run_agent: Callable, tmp_path):
    event_id = shell("alarms")["alarms"][SENSOR]["event_id"]
    picture = tmp_path / "why.png"
    options = ["--broker", mosquitto.url, "--sensor", SENSOR, "--png", str(picture), "--replay", "--json"]
    done = run_agent("evidence", event_id, *options)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["event"]["event_id"], report["replay"]["windows"]["agrees"]) == (event_id, True)
    assert picture.read_bytes().startswith(b"\x89PNG")
    done = run_agent("evidence", "0-0", *options)
    assert (done.returncode, "there is no evidence of this event" in done.stderr) == (65, True)


@pytest.mark.slow
def test_the_newest_window_comes_to_the_shell(mosquitto, run_agent: Callable, shell: Callable, tmp_path):
    picture = tmp_path / "now.png"
    done = run_agent("evidence", "--now", SENSOR, "--broker", mosquitto.url, "--png", str(picture), "--json")
    assert done.returncode == 0, done.stderr
    snapshot = snapshot_of(SnapshotDocument.model_validate_json(done.stdout))
    assert (snapshot.header.sensor, snapshot.header.windows[0].condition) == (SENSOR, "inner_race")
    assert snapshot.samples.shape == (1, 1, 2048)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert shell.agent.text().count("command handled") == 0
    done = run_agent("evidence", "--now", "nobody", "--broker", mosquitto.url)
    assert (done.returncode, "no alarm of sensor" in done.stderr) == (65, True)


@pytest.mark.promise(
    "Commands of QoS 1 are all answered, also hundreds at once. Each is acknowledged when it is done, and none "
    "is left for the next connection.",
    where="rpc/queue, rpc/dispatcher",
    topic="alarms",
)
def test_four_hundred_at_once_are_all_answered_and_none_ends_the_agent(shell: Callable, mosquitto, wait_until):
    """Mosquitto 2.0.11 sends all of them as soon as the first is acknowledged, whatever Receive Maximum says."""
    listener = mosquitto.listen("drsn/v1/_reply/+")
    asked = [{"request_id": f"q{number}", "by": "scada", "sensor": SENSOR} for number in range(400)]
    asked[7]["from_seq"] = 2**63
    lines = "".join(f"{json.dumps(each)}\n" for each in asked)
    topic = "drsn/v1/_agent/tester/cmd/events"
    command = ["mosquitto_pub", "-p", str(mosquitto.port), "-V", "5", "-t", topic, "-q", "1", "-l"]
    subprocess.run(command, input=lines.encode(), check=True, timeout=30)
    wait_until(lambda: listener.output.read_bytes().count(b"\n") == 400, 60, "400 answers")
    replies = {reply["request_id"]: reply for reply in map(json.loads, listener.lines())}
    assert set(replies) == {each["request_id"] for each in asked}
    assert [name for name, reply in replies.items() if not reply["ok"]] == ["q7"]
    assert "from_seq" in replies["q7"]["reason"]
    wait_until(lambda: mosquitto.health().get("commands_dropped") == 0, what="a health document")
    assert "--from-seq -1: 0 to" in shell("events", SENSOR, "--from-seq", "-1", code=64, json_=False)
    assert "0 to 9223372036854775807" in shell("events", SENSOR, "--from-seq", str(2**63), code=64, json_=False)
    assert shell("events", SENSOR, "--from-seq", str(2**63 - 1)) == {"events": [], "unreadable": []}
