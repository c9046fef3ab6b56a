"""What the broker holds may come from anybody whom it lets publish."""

from __future__ import annotations

import json
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.__main__ import main
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.message import Message
from drsn.agent.tools.operator import cli as operator_commands
from drsn.agent.tools.operator.client import Client
from drsn.agent.tools.operator.retained_state import RetainedState

if TYPE_CHECKING:
    from collections.abc import Iterator

CONDITION = {
    "condition": "ball", "label": "ball", "state": "active_unacked", "severity": "major", "since": "2026-01-01",
    "acked_by": "ana\n\x1b[2Jnothing stands", "event_id": "e",
}  # fmt: skip
ALARM = {"agent": "line4", "sensor": "press4", "conditions": [CONDITION]}


PREFIX = "drsn/v1"
BROKER = BrokerAddress("b", 1883)


def message(topic: str, document: object, *, retained: bool = True) -> Message:
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Message(f"{PREFIX}/{topic}", payload, 1, retained=retained, received_s=0.0, received_unix_ns=0)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys):
    """`shell({topic: document})`: exit code, stdout and stderr of a command, where the broker holds these."""

    def run(held: dict[str, object], *command: str, fake_call: bool = True) -> tuple[int, str, str]:
        def connect(client: Client) -> Client:
            for topic, document in {"_agent/line4/status": {"state": "online"}, **held}.items():
                client.retained.keep(message(topic, document))
            return client

        monkeypatch.setattr(Client, "__enter__", connect)
        if fake_call:
            monkeypatch.setattr(Client, "call", lambda *_: pytest.fail("no agent must get a command"))
        code = main([*(command or ("alarms",)), "--broker", "mqtt://b"])
        return code, *capsys.readouterr()

    return run


def test_a_name_can_neither_begin_a_line_nor_move_the_cursor(shell):
    code, out, err = shell({"press4/alarm": ALARM})
    assert (code, err, len(out.splitlines())) == (0, "", 2)
    assert r"acknowledged by ana\n\x1b[2Jnothing stands" in out
    document = json.loads(shell({"press4/alarm": ALARM}, "alarms", "--json")[1])
    assert document == {
        "alarms": {"press4": ALARM}, "agents": {"line4": {"state": "online"}}, "not_watched": {}, "malformed": {},
        "stale": {},
    }  # fmt: skip


BAD = [
    {"agent": "line4", "conditions": [{}]},
    {"agent": "line4", "conditions": 5},
    {"agent": "line4", "conditions": None},
    {"agent": "line4", "conditions": ["x"]},
    {"agent": "line4", "conditions": [CONDITION | {"label": None, "condition": None, "state": {}}]},
    {"agent": [], "conditions": [CONDITION]},
    {"agent": "../x"},
    [],
    b"{",
    b"\xff",
    b"[" * 100_000,
    b'{"agent": "line4", "x": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("alarm", BAD)
def test_what_no_agent_wrote_is_named_and_hides_nothing_else(alarm: object, shell):
    held = {"press3/alarm": ALARM, "press4/alarm": alarm, "press5/alarm": ALARM}
    code, out, err = shell(held)
    assert (code, err.count("\n")) == (65, 1)
    assert "what no agent of this version wrote: drsn/v1/press4/alarm (" in err
    assert [line.split()[0] for line in out.splitlines()] == ["SENSOR", "press3", "press5"]
    code, out, err = shell(held, "alarms", "--json")
    document = json.loads(out)
    assert (code, set(document["alarms"]), set(document["malformed"])) == (
        65, {"press3", "press5"}, {"drsn/v1/press4/alarm"}
    )  # fmt: skip


@pytest.mark.parametrize("status", [{}, {"state": 5}, [], b"{"])
def test_a_status_that_no_agent_wrote_hides_no_alarm(status: object, shell):
    code, out, err = shell({"press4/alarm": ALARM, "_agent/line5/status": status})
    assert (code, len(out.splitlines())) == (65, 2)
    assert "drsn/v1/_agent/line5/status (" in err
    code, _, err = shell({"_agent/line5/status": status}, "reload", "line5")
    assert (code, err.count("\n")) == (65, 1)
    assert "_agent/line5/status: no agent wrote it" in err


def test_of_many_bad_documents_some_are_named_and_all_are_counted(shell):
    _, _, err = shell({f"press{number}/alarm": b"{" for number in range(9)})
    assert "and 6 more" in err
    assert len(err) < 1000


@pytest.mark.parametrize(
    "command",
    [["ack", "press4", "x"], ["reset", "press4", "x"], ["shelve", "press4", "--hours", "1"], ["unshelve", "press4"],
     ["events", "press4"], ["commission", "press4"], ["forget", "press4"]],
)  # fmt: skip
@pytest.mark.parametrize("alarm", BAD)
def test_nobody_is_commanded_by_an_alarm_that_no_agent_wrote(command: list[str], alarm: object, shell):
    code, out, err = shell({"press3/alarm": ALARM, "press4/alarm": alarm}, *command)
    assert (code, out, err.count("\n")) == (65, "", 1)
    assert "drsn/v1/press4/alarm: no agent wrote it" in err


def test_evidence_is_not_asked_of_an_alarm_that_no_agent_wrote(shell, capsys):
    shell({})
    code = main(["evidence", "e-1", "--broker", "mqtt://b", "--sensor", "press4", "--prefix", "a/#"])
    assert (code, capsys.readouterr().err.count("\n")) == (64, 1)


@pytest.mark.parametrize(
    "prefix", ["a/#", "+", "", "/a", "a//b", "a/", "$SYS", "a{b}", "a\x85b", "a\uffff", "\udcff", "x" * 201]
)
@pytest.mark.parametrize(
    "command", [["alarms"], ["events", "s"], ["ack", "s", "x"], ["forget", "s"], ["commission", "s"], ["reload", "a"]]
)
def test_a_prefix_that_is_none_is_a_mistake_in_the_command_line(command: list[str], prefix: str, shell):
    """The broker would be asked for what it can't be asked for, in a thread that nobody hears."""
    code, out, err = shell({}, *command, "--prefix", prefix)
    assert (code, out, err.count("\n")) == (64, "", 1)
    assert "--prefix: " in err


@pytest.mark.parametrize(("name", "told"), [("u" * 70_000, "70000 bytes"), ("\udcff", "U+DCFF"), ("a\x01", "U+0001")])
def test_a_user_name_that_no_broker_need_take_is_one_too(name: str, told: str, shell):
    code, _, err = shell({}, "alarms", "--username", name)
    assert (code, err.count("\n")) == (64, 1)
    assert "--username: " in err
    assert told in err


@pytest.mark.parametrize("sensor", ["a/#", "+", "", "\udcff", "a\x1b[2Jb", "x" * 70_000])
def test_a_sensor_that_is_none_is_not_there(sensor: str, shell):
    code, _, err = shell({"press4/alarm": ALARM}, "ack", sensor, "x")
    assert (code, err.count("\n")) == (65, 1)
    assert "the broker has no alarm of sensor" in err


def test_the_last_document_of_a_topic_counts():
    retained = RetainedState(PREFIX)
    for document, sound, bad in ((ALARM, 1, 0), (b"{", 0, 1), (ALARM, 1, 0), (b"", 0, 0), (b"[]", 0, 1), (b"", 0, 0)):
        retained.keep(message("press4/alarm", document))
        assert (len(retained.alarms), len(retained.malformed)) == (sound, bad)


def test_a_journal_is_shown_page_by_page_whatever_is_damaged_in_it(monkeypatch: pytest.MonkeyPatch, capsys):
    """A page of nothing but damaged rows does not end it."""
    pages = iter([((), (1, 2), True), ((), (3,), False)])
    asked: list[int] = []

    @contextmanager
    def client(_arguments: object) -> Iterator[SimpleNamespace]:
        def call(_agent: str, _verb: str, said: dict, _timeout_s: float) -> Iterator[SimpleNamespace]:
            asked.append(said["from_seq"])
            events, unreadable, more = next(pages)
            yield SimpleNamespace(ok=True, events=events, unreadable=unreadable, more=more)

        yield SimpleNamespace(agent_of=lambda _: "line4", call=call)

    monkeypatch.setattr(operator_commands, "_client", client)
    assert main(["events", "press4", "--broker", "mqtt://b", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (asked, json.loads(out)) == ([1, 3], {"events": [], "unreadable": [1, 2, 3]})
    assert "press4: 3 events left out, their rows in the agent's journal are damaged: seq 1, 2, 3" in err


@pytest.mark.parametrize("seq", ["-1", str(2**63)])
def test_a_number_that_no_event_has_is_a_mistake_of_usage(seq: str, capsys):
    assert main(["events", "press4", "--broker", "mqtt://b", "--from-seq", seq]) == 64
    assert "0 to 9223372036854775807" in capsys.readouterr().err


def test_what_a_doctor_tries_is_no_sensor():
    retained = RetainedState(PREFIX)
    for sensor in ("_doctor", "press4"):
        retained.keep(message(f"{sensor}/alarm", {"agent": "line4", "sensor": sensor, "state": "normal"}))
    assert (set(retained.alarms), retained.malformed) == ({"press4"}, {})


SUMMARY = {"agent": "line4", "epoch": "e1", "alarms": [{"sensor": "press4", "conditions": [CONDITION]}]}


def test_alarms_that_only_a_summary_has_are_in_the_table(shell):
    """As where the broker gives no retained messages to wildcards, and --agent names the summary's topic."""
    code, out, err = shell({"_agent/line4/alarms": SUMMARY})
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split()[:3] == ["press4", "active_unacked", "major"]
    found = json.loads(shell({"_agent/line4/alarms": SUMMARY}, "alarms", "--json")[1])
    assert found["alarms"]["press4"]["agent"] == "line4"


def test_an_alarm_document_comes_before_the_entry_of_a_summary(shell):
    later = {**ALARM, "conditions": []}
    code, out, _ = shell({"_agent/line4/alarms": SUMMARY, "press4/alarm": later}, "alarms", "--json")
    assert (code, json.loads(out)["alarms"]["press4"]) == (0, later)


def test_a_named_agent_and_sensor_are_read_by_their_exact_topics(monkeypatch):
    connections: list[object] = []
    monkeypatch.setattr("drsn.agent.tools.operator.client.Connection", lambda _b, given, **_: connections.append(given))
    Client(BROKER, PREFIX, agent="line4", sensor="press4")
    Client(BROKER, PREFIX, agent="#", sensor="a/b")
    exact = {f"{PREFIX}/_agent/line4/status", f"{PREFIX}/_agent/line4/alarms", f"{PREFIX}/press4/alarm"}
    assert exact <= set(connections[0].filters)
    assert not [each for each in connections[1].filters if "a/b" in each or "/#/" in each]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"state": "online", "epoch": "b"}, "of another epoch than agent line4 has now; forget the sensor"),
        ({"state": "stopped", "epoch": "a"}, "agent line4 is stopped"),
        (b"", "agent line4 has no status; it has another name now"),
        ({"state": "online", "epoch": "a"}, None),
    ],
)
def test_an_alarm_that_outlives_its_agent_s_state_is_stale(shell, status: object, why: str | None):
    held = {"press4/alarm": ALARM | {"epoch": "a"}, "_agent/line4/status": status}
    row = next(line for line in shell(held)[1].splitlines() if line.startswith("press4"))
    assert ("STALE" in row) == (why is not None)
    assert f"STALE: {why}" in row if why else "active_unacked" in row


def test_alarms_that_only_a_summary_names_are_read_by_their_exact_topics():
    retained = RetainedState(PREFIX)
    source = {"reason": "gaps", "remedy": "x", "since": "2026-01-01"}
    blind = [{**source, "source": "press5"}, {**source, "source": "plant/#"}]
    retained.keep(message("_agent/line4/alarms", SUMMARY | {"not_watched": blind}))
    assert retained.unread_alarms("line4") == (f"{PREFIX}/press4/alarm", f"{PREFIX}/press5/alarm")
    retained.keep(message("press4/alarm", ALARM))
    assert retained.unread_alarms("line4") == (f"{PREFIX}/press5/alarm",)
    assert retained.unread_alarms("line5") == retained.unread_alarms(None) == ()


WHY = {"reason": "wrong_rate", "remedy": "Send or set the sample rate.", "since": "2026-01-01T00:00:00.000Z"}
BLIND = {
    "press4/alarm": {**ALARM, "not_watched": WHY},
    "press5/alarm": {"agent": "line4", "conditions": [], "state": "not_watched", "not_watched": WHY},
    "press6/alarm": {"agent": "line4", "conditions": [], "state": "normal"},
    "_agent/line4/health": {"not_watched": [{**WHY, "source": "press5"}, {**WHY, "source": "plant/press 7/frame"}]},
}


def test_a_source_that_is_not_watched_has_a_row_with_the_reason_and_the_remedy(shell):
    code, out, err = shell(BLIND, "alarms", "--all")
    rows = {line[:24].strip(): line[24:] for line in out.splitlines()[1:]}
    assert (code, err, list(rows)) == (0, "", ["press4", "press5", "press6", "plant/press 7/frame"])
    assert "not watched: wrong_rate" in rows["press4"]
    shown = ["not", "watched", WHY["since"], "wrong_rate:", "Send", "or", "set", "the", "sample", "rate."]
    assert rows["press5"].split() == shown
    assert rows["plant/press 7/frame"].replace(";", "").split() == [*shown, "agent", "line4"]
    assert rows["press6"].split() == ["normal"]


def test_without_all_the_sources_that_are_not_watched_are_counted(shell):
    assert shell(BLIND)[1].splitlines()[-1] == "3 sources are not watched: alarms --all shows why"
    assert json.loads(shell(BLIND, "alarms", "--json")[1])["not_watched"] == {
        "line4": BLIND["_agent/line4/health"]["not_watched"]
    }


def test_a_health_that_no_agent_wrote_is_named(shell):
    code, out, err = shell({**BLIND, "_agent/line5/health": {"not_watched": [{"source": 5}]}})
    assert code == 65
    assert len(out.splitlines()) == 3
    assert "_agent/line5/health" in err
