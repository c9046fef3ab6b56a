"""SIGHUP with a real process and a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from drsn.agent.bundles import shipped

if TYPE_CHECKING:
    from collections.abc import Callable

STATUS = "drsn/v1/_agent/tester/status"
RESTARTED = "tester: has restarted with the settings and the bundle on its disk; undo: change them back, reload\n"


def test_a_bundle_is_swapped_behind_a_link_in_one_process_and_a_bad_one_is_not(
    mosquitto, make_agent: Callable[..., object], wait_until: Callable[..., object], tmp_path
):
    current = tmp_path / "current"
    current.symlink_to(shipped("synthetic"))
    agent = make_agent(mosquitto.url, bundle=current)
    agent.start()

    def running() -> str:
        status = mosquitto.one(STATUS)
        return status["bundle"]["name"] if status.get("state") in ("online", "degraded") else ""

    def swap(target: object) -> None:
        current.unlink()
        current.symlink_to(target)
        agent.process.send_signal(signal.SIGHUP)

    wait_until(lambda: running() == "synthetic")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(shipped("cwru").read_bytes()[:-1000])
    swap(broken)
    wait_until(lambda: "reload refused" in agent.text(), what="the refusal is said")
    assert str(current) in agent.text()  # what, and where
    assert running() == "synthetic"

    swap(shipped("cwru"))
    wait_until(lambda: running() == "cwru", 40, "the new bundle")
    assert agent.process.poll() is None  # the same process
    assert agent.text().count("event=ready") == 2
    assert agent.stop() == 0


def test_a_hangup_with_a_bad_configuration_costs_nothing(
    mosquitto, make_agent: Callable[..., object], wait_until: Callable[..., object]
):
    agent = make_agent(mosquitto.url)
    agent.start()
    agent.config.write_text("[agent]\nidd = 1\n")
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reload refused" in agent.text())
    assert "idd" in agent.text()
    assert agent.text().count("event=stopped") == 0
    assert agent.stop() == 0


def test_a_command_is_answered_and_the_agent_restarts_in_the_same_process(
    mosquitto, make_agent: Callable[..., object], wait_until: Callable[..., object], tmp_path
):
    """By mosquitto's own request and response, correlation included; delivered again it reloads nothing."""
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what=agent.text())
    listener = mosquitto.listen("drsn/v1/_reply/#")
    first = mosquitto.one(STATUS)["config_sha256"]
    agent.config.write_text(agent.config.read_text().replace("health_every_s = 1", "health_every_s = 2"))
    asked = json.dumps({"request_id": "rr1", "by": "scada"})
    command = ["mosquitto_rr", "-p", str(mosquitto.port), "-V", "5", "-q", "1", "-W", "30", "-F", "%D %p",
               "-t", "drsn/v1/_agent/tester/cmd/reload", "-e", "drsn/v1/_reply/scada/7", "-m", asked,
               "-D", "publish", "correlation-data", "c-42"]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    correlation, _, document = answer.partition(" ")
    assert (correlation, json.loads(document)["pending"]) == ("c-42", "checks what is on the disk now")
    wait_until(lambda: agent.text().count("event=ready") == 2, 40, "the new one")
    wait_until(lambda: mosquitto.one(STATUS).get("config_sha256") not in (None, first), 40, "the new settings")
    assert agent.process.poll() is None, "the same process"
    wait_until(lambda: len(listener.output.read_text().splitlines()) == 2, 40, "the last answer")
    mosquitto.publish("drsn/v1/_agent/tester/cmd/reload", asked.encode())  # delivered again, at the usual topic
    wait_until(lambda: len(listener.output.read_text().splitlines()) == 3, 40, "the same answer")
    _, done, again = (json.loads(line) for line in listener.lines())
    assert (done["ok"], done["pending"], done["request_id"], done["verb"]) == (True, None, "rr1", "reload")
    assert again == done
    assert agent.text().count("event=ready") == 2
    assert agent.stop() == 0


@pytest.mark.slow
def test_a_shell_sees_the_check_fail_and_then_pass(
    mosquitto, make_agent: Callable[..., object], wait_until: Callable[..., object], run_agent: Callable[..., object]
):
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what=agent.text())
    broker = ("--broker", mosquitto.url)
    good = agent.config.read_text()
    agent.config.write_text(good.replace("health_every_s", "health_evry_s"))
    done = run_agent("reload", "tester", *broker)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1), done.stderr
    assert done.stdout.startswith("refused: the agent continues with the old configuration: drsn-agent: ")
    assert "agent.health_evry_s: unknown setting; did you mean 'health_every_s'? (exit code 78)" in done.stdout
    assert "tester: checks what is on the disk now" in done.stderr
    agent.config.write_text(good)
    done = run_agent("reload", "tester", *broker, "--comment", "a typing mistake")
    assert (done.returncode, done.stdout) == (0, RESTARTED), done.stderr
    assert agent.text().count("event=ready") == 2
    assert "a typing mistake" in agent.text()
    reply = json.loads(run_agent("reload", "tester", *broker, "--json").stdout)
    assert (reply["ok"], reply["verb"]) == (True, "reload")
    nobody = run_agent("reload", "nobody", *broker)
    assert (nobody.returncode, "it has tester" in nobody.stderr) == (65, True)
    assert agent.stop() == 0
    gone = run_agent("reload", "tester", *broker)
    assert (gone.returncode, "it is stopped" in gone.stderr) == (69, True), gone.stderr
