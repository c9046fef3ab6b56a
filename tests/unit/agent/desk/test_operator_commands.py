"""What the broker holds may come from anybody whom it lets publish."""

from __future__ import annotations

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from drsn.agent.__main__ import main
from drsn.agent.address import Broker
from drsn.agent.desk import operator_commands
from drsn.agent.desk.client import Client
from drsn.agent.message import Message
from drsn.model.errors import BadDataError

CONDITION = {
    "condition": "ball", "label": "ball", "state": "active_unacked", "severity": "major", "since": "2026-01-01",
    "acked_by": "ana\n\x1b[2Jnothing stands", "event_id": "e",
}  # fmt: skip
ALARM = {"agent": "line4", "sensor": "press4", "conditions": [CONDITION]}


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys):
    """`shell(alarm)`: exit code, stdout and stderr of `alarms`, where the broker holds that one."""

    def run(alarm: object, *options: str) -> tuple[int, str, str]:
        @contextmanager
        def client(_arguments: object):  # noqa: ANN202
            yield SimpleNamespace(alarms={"press4": alarm}, statuses={"line4": {"state": "online"}})

        monkeypatch.setattr(operator_commands, "_client", client)
        code = main(["alarms", "--broker", "mqtt://b", *options])
        return code, *capsys.readouterr()

    return run


def test_a_name_can_neither_begin_a_line_nor_move_the_cursor(shell):
    code, out, err = shell(ALARM)
    assert (code, err, len(out.splitlines())) == (0, "", 2)
    assert r"acknowledged by ana\n\x1b[2Jnothing stands" in out
    assert json.loads(shell(ALARM, "--json")[1])["alarms"]["press4"] == ALARM


@pytest.mark.parametrize(
    "alarm",
    [
        {"conditions": [{}]},
        {"conditions": 5},
        {"conditions": ["x"]},
        {"conditions": [CONDITION | {"label": None, "condition": None, "state": {}}]},
        {"agent": [], "conditions": [CONDITION]},
    ],
)
def test_what_no_agent_wrote_is_bad_data_and_no_traceback(alarm: dict, shell):
    code, _, err = shell(alarm)
    assert (code, err.count("\n")) == (65, 1)
    assert "what no agent of this version wrote" in err


@pytest.mark.parametrize("conditions", [5, ["x"], [{"condition": []}]])
def test_what_no_agent_wrote_is_not_acknowledged(conditions: object):
    client = SimpleNamespace(alarms={"press4": {"agent": "line4", "conditions": conditions}})
    with pytest.raises(BadDataError, match="none that an agent wrote"):
        operator_commands._standing(client, SimpleNamespace(sensor="press4", condition="ball"))


def test_what_stands_is_acknowledged_or_nothing():
    client = SimpleNamespace(alarms={"press4": ALARM})
    asked = [SimpleNamespace(sensor="press4", condition=name) for name in ("ball", "unknown")]
    assert [operator_commands._standing(client, each) for each in asked] == ["e", "none"]


def test_a_journal_is_shown_page_by_page_whatever_is_damaged_in_it(monkeypatch: pytest.MonkeyPatch, capsys):
    """A page of nothing but damaged rows does not end it."""
    pages = iter([((), (1, 2), True), ((), (3,), False)])
    asked: list[int] = []

    @contextmanager
    def client(_arguments: object):  # noqa: ANN202
        def ask(_agent: str, _verb: str, said: dict, _timeout_s: float):  # noqa: ANN202
            asked.append(said["from_seq"])
            events, unreadable, more = next(pages)
            yield SimpleNamespace(ok=True, events=events, unreadable=unreadable, more=more)

        yield SimpleNamespace(agent_of=lambda _: "line4", ask=ask)

    monkeypatch.setattr(operator_commands, "_client", client)
    assert main(["events", "press4", "--broker", "mqtt://b", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (asked, json.loads(out)) == ([1, 3], {"events": [], "unreadable": [1, 2, 3]})
    assert "press4: 3 events left out, their rows in the agent's journal are damaged: seq 1, 2, 3" in err


@pytest.mark.parametrize("seq", ["-1", str(2**63)])
def test_a_number_that_no_event_has_is_a_mistake_of_usage(seq: str, capsys):
    assert main(["events", "press4", "--broker", "mqtt://b", "--from-seq", seq]) == 64
    assert "0 to 9223372036854775807" in capsys.readouterr().err


@pytest.mark.parametrize("agent", [None, 5, "a/b", "#", "", "../x"])
def test_an_alarm_does_not_say_whom_to_command_but_by_a_plain_name(agent: object):
    client = Client(Broker("b", 1), "drsn/v1")
    for payload in (b"[" * 100_000, b"{", b"\xff", json.dumps({"agent": agent}).encode()):
        client._keep(Message("drsn/v1/press4/alarm", payload, 1, retained=True, received_s=0.0, received_unix_ns=0))
    with pytest.raises(BadDataError, match="no agent wrote it"):
        client.agent_of("press4")


def test_what_a_doctor_tries_is_no_sensor():
    client = Client(Broker("b", 1), "drsn/v1")
    for sensor in ("_doctor", "press4"):
        payload = json.dumps({"agent": "line4", "sensor": sensor, "state": "normal"}).encode()
        client._keep(Message(f"drsn/v1/{sensor}/alarm", payload, 1, retained=False, received_s=0.0, received_unix_ns=0))
    assert set(client.alarms) == {"press4"}
