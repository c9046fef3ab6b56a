"""A marked password, through every command that takes one: it is in nothing that they say (docs/trust/security.md)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import Mosquitto

PASSWORD = "marked-hunter2-Ø-password"
WITH_BROKER = (
    ["alarms"],
    ["events", "press4"],
    ["ack", "press4", "ball"],
    ["reset", "press4", "ball"],
    ["shelve", "press4", "--hours", "1"],
    ["unshelve", "press4"],
    ["out-of-service", "press4"],
    ["in-service", "press4"],
    ["commission", "press4"],
)
EVENT = "00000000-0000-5000-8000-000000000000"


@pytest.fixture
def guarded(mosquitto: Mosquitto, tmp_path: Path) -> Mosquitto:
    """A broker that wants the password."""
    mosquitto.stop()
    subprocess.run(["mosquitto_passwd", "-b", "-c", "passwords", "agent", PASSWORD], cwd=tmp_path, check=True)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "password").chmod(0o600)
    mosquitto.extra = f"allow_anonymous false\npassword_file {tmp_path}/passwords\nuser root\n"
    mosquitto.start()
    return mosquitto


def silent(*texts: str) -> None:
    """The password is in none of them, in whatever spelling."""
    for text in texts:
        for spelling in (PASSWORD, json.dumps(PASSWORD)[1:-1], repr(PASSWORD.encode())[2:-1], PASSWORD[:13]):
            assert spelling not in text, text


@pytest.mark.parametrize("json_", [[], ["--json"]], ids=["text", "json"])
def test_commands_that_reach_the_broker_do_not_say_it(guarded: Mosquitto, run_agent: Callable, tmp_path: Path, json_):
    login = ["--username", "agent", "--password-file", f"{tmp_path}/password"]
    done = run_agent("alarms", "--broker", guarded.url, *login, *json_)
    assert (done.returncode, "no agent found" in done.stderr) == (69, True), done.stderr
    silent(done.stdout, done.stderr)
    np.save(tmp_path / "bearing.npy", np.zeros(4096, np.float32))
    replay = ["replay", f"{tmp_path}/bearing.npy", "--sample-rate-hz", "12000", "--speed", "0", "--to", guarded.url]
    done = run_agent(*replay, *login, *json_)
    assert done.returncode == 0, done.stderr
    silent(done.stdout, done.stderr)
    done = run_agent("evidence", EVENT, "--broker", guarded.url, "--sensor", "press4", *login, *json_)
    assert done.returncode == 65, done.stderr
    silent(done.stdout, done.stderr)


@pytest.mark.parametrize("command", WITH_BROKER, ids=" ".join)
def test_a_url_that_holds_it_is_refused_without_it(command: list[str], capsys: pytest.CaptureFixture[str]):
    assert main([*command, "--broker", f"mqtt://agent:{PASSWORD}@127.0.0.1:1"]) == 64
    said = capsys.readouterr()
    assert "credentials" in said.err
    silent(*said)


@pytest.mark.parametrize("command", [["alarms"], ["replay"], ["evidence"]], ids=" ".join)
def test_a_password_file_that_is_wrong_is_named_without_it(command: list[str], capsys, tmp_path: Path):
    (tmp_path / "password").write_bytes(PASSWORD.encode() + b"\xff")
    np.save(tmp_path / "bearing.npy", np.zeros(4096, np.float32))
    url = "mqtt://127.0.0.1:1"
    where = {
        "alarms": ["--broker", url],
        "replay": [f"{tmp_path}/bearing.npy", "--to", url],
        "evidence": [EVENT, "--broker", url, "--sensor", "press4"],
    }[command[0]]
    assert main([*command, *where, "--username", "agent", "--password-file", f"{tmp_path}/password"]) == 78
    said = capsys.readouterr()
    assert "not UTF-8" in said.err
    silent(*said)


@pytest.mark.parametrize("verb", ["run", "check", "doctor"])
@pytest.mark.parametrize(
    "given",
    [
        {"mqtt": f'password = "{PASSWORD}"'},
        {"mqtt": f'password = "{PASSWORD}'},
        {"mqtt": f'password_file = ["{PASSWORD}"]'},
        {"mqtt": f'keepalive_s = "{PASSWORD}"'},
        {"set": f"mqtt.password={PASSWORD}"},
        {"set": f"mqtt.url=mqtt://agent:{PASSWORD}@broker"},
        {"environment": "DRSN_AGENT__MQTT__PASSWORD"},
        {"environment": "DRSN_AGENT__MQTT"},
    ],
    ids=str,
)
def test_a_password_in_the_wrong_place_is_not_repeated(
    verb: str, given: dict, make_agent: Callable, capsys, monkeypatch
):
    agent = make_agent("mqtt://127.0.0.1:1")
    text = agent.config.read_text()
    agent.config.write_text(text.replace("[mqtt]", f"[mqtt]\n{given.get('mqtt', '')}"))
    options = ["--set", given["set"]] if "set" in given else []
    if "environment" in given:
        monkeypatch.setenv(given["environment"], PASSWORD)
    assert main([verb, "--config", str(agent.config), *options]) == 78
    silent(*capsys.readouterr())


@pytest.mark.slow
def test_a_service_says_it_nowhere_and_leaves_no_core(
    guarded: Mosquitto, make_agent: Callable, run_agent: Callable, wait_until: Callable, tmp_path: Path
):
    agent = make_agent(guarded.url)
    heard = tmp_path / "all"
    command = ["mosquitto_sub", "-p", str(guarded.port), "-u", "agent", "-P", PASSWORD, "-t", "#", "-F", "%t %p %P %R"]
    with heard.open("w") as stream:
        listener = subprocess.Popen(command, stdout=stream)
    login = ["--set", "mqtt.username=agent", "--set", f"mqtt.password_file={tmp_path}/password"]
    try:
        agent.start(*login, "--set", "agent.log_level=debug")
        wait_until(lambda: "/health" in heard.read_text(), 30, agent.text())
    finally:
        listener.terminate()
        listener.wait(10)
    limits = Path(f"/proc/{agent.process.pid}/limits").read_text()
    (core,) = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core[4:6] == ["0", "0"]
    arguments = Path(f"/proc/{agent.process.pid}/cmdline").read_text()
    for verb, *json_ in (("check",), ("check", "--json"), ("doctor",), ("doctor", "--json")):
        done = run_agent(verb, "--config", str(agent.config), *login, *json_)
        silent(done.stdout, done.stderr)
    agent.stop()
    kept = [path.read_bytes().decode("latin-1") for path in (tmp_path / "state").rglob("*") if path.is_file()]
    silent(agent.text(), heard.read_text(), arguments, *kept)


@pytest.mark.parametrize("password", [PASSWORD, None])
def test_who_is_not_let_in_says_no_password_either(
    password: str | None, guarded: Mosquitto, make_agent: Callable, wait_until: Callable, tmp_path: Path
):
    wrong = tmp_path / "wrong"
    wrong.write_text(f"{PASSWORD}{PASSWORD}" if password else "")
    agent = make_agent(guarded.url)
    agent.start(
        "--set", "mqtt.username=agent", "--set", f"mqtt.password_file={wrong}", "--set", "agent.log_level=debug"
    )
    wait_until(lambda: "Not authorized" in agent.text(), 30, agent.text())
    agent.stop()
    silent(agent.text())
