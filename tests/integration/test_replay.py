"""`drsn-agent replay` against a real broker: where it cannot connect, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from journal_agent import Journal
from servers import free_port

from drsn.agent.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def recording(tmp_path: Path) -> str:
    path = tmp_path / "press4.npy"
    np.save(path, np.zeros(4096, np.float32))
    return str(path)


@pytest.mark.parametrize("then", ["forget", "out-of-service"])
def test_a_replay_that_ends_by_plan_tells_the_agent_if_it_is_asked_to(
    then: str, mosquitto, wait_until: Callable, recording: str, capsys
):
    agent = Journal(mosquitto.port)
    agent.connection.start()
    wait_until(lambda: agent.connection.connected, what="the agent")
    agent.state()
    words = ["replay", recording, "--sample-rate-hz", "12000", "--speed", "0", "--broker", mosquitto.url]
    assert main([*words, "--then", then]) == 0
    assert f"press4: {then} done" in capsys.readouterr().out
    ((verb, command),) = agent.commands
    assert (verb, command["sensor"]) == (then.replace("-", "_"), "press4")
    agent.connection.stop()


def test_an_agent_without_the_sensor_is_a_verdict(mosquitto, recording: str, capsys):
    words = ["replay", recording, "--sample-rate-hz", "12000", "--speed", "0", "--broker", mosquitto.url, "--json"]
    assert main([*words, "--then", "forget"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["packets"], list(document["refused"])) == (2, ["press4"])


def test_the_end_is_explained_where_no_agent_is_told(mosquitto, recording: str, capsys):
    assert main(["replay", recording, "--sample-rate-hz", "12000", "--speed", "0", "--broker", mosquitto.url]) == 0
    out = capsys.readouterr().out
    assert "raises `silent`" in out
    assert "drsn-agent forget press4" in out


@pytest.mark.slow
def test_a_closed_and_a_protected_broker_are_named_with_the_reason(mosquitto, recording: str, run_agent: Callable):
    mosquitto.stop()
    mosquitto.extra = "allow_anonymous false\n"
    mosquitto.start()
    closed = free_port()
    for port, reason in ((closed, "Connection refused"), (mosquitto.port, "Not authorized")):
        done = run_agent("replay", recording, "--sample-rate-hz", "12000", "--broker", f"mqtt://127.0.0.1:{port}")
        assert done.returncode == 69
        for line in done.stderr.splitlines():
            assert f"127.0.0.1:{port}" in line
            assert reason in line
