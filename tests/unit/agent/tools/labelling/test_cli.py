"""`label` and `false-alarm` at the command line, without a broker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from drsn.agent.__main__ import main
from drsn.agent.evidence.json_form import to_message
from drsn.agent.schema.documents import ReplyDocument
from drsn.agent.tools.labelling.cli import duration_s
from drsn.agent.tools.labelling.labelled_folder import rows_of
from drsn.agent.tools.operator.client import Client
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drsn.agent.evidence.record import Record

UNKNOWN_ID = "8252fc5b-b8d8-5dc3-81ec-de4eb9504042"


@pytest.fixture
def folder(tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "message.json").write_bytes(to_message(record))
    (tmp_path / "broken.npz").write_bytes(b"PK\3\4")
    return tmp_path


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch, record: Record):
    """`agents({agent: reply to each verb})`: agents that are online, and what they answer; the commands they get."""

    def online(replies: dict[str, dict[str, dict[str, object]]], alarms: dict[str, dict] | None = None) -> list[tuple]:
        asked = []

        def connect(client: Client) -> Client:
            client.retained.statuses.update({agent: {"state": "online"} for agent in replies})
            client.retained.alarms.update(alarms or {})
            return client

        def call(client: Client, agent: str, verb: str, fields: dict, *_: object) -> Iterator[ReplyDocument]:
            asked.append((agent, verb, {key: value for key, value in fields.items() if value is not None}))
            client._evidence = to_message(record)
            known = {"agent": agent, "request_id": "r", "verb": verb, "at": "2026-01-01T00:00:00.000Z"}
            yield ReplyDocument(**known, **replies[agent][verb])

        monkeypatch.setattr(Client, "__enter__", connect)
        monkeypatch.setattr(Client, "__exit__", lambda *_: None)
        monkeypatch.setattr(Client, "call", call)
        return asked

    return online


def marked(record: Record, **more: object) -> dict[str, object]:
    event = {**record.header.event, "false_alarm": record.event.event_id, "acked_by": "ana", "by": "ana", **more}
    return {"ok": True, "sensor": "press4", "events": [event], "evidence": record.event.event_id}


def test_a_record_in_a_file_becomes_a_recording(folder: Path, record: Record, capsys: pytest.CaptureFixture):
    assert main(["label", "message.json", "normal", "--by", "ana", "--comment", "new bearing"]) == 0
    (row,) = rows_of(folder / "labelled")
    event = record.event
    assert (row.file, row.event_id, row.by) == (f"normal/{event.event_id}.npz", event.event_id, "ana")
    assert (row.sensor, row.condition, row.decided_at) == ("press4", "ball", event.decided_at)
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"press4: labelled/{row.file} written, label normal, listed in labelled/labels.csv",
        "next: drsn-train RECIPE.toml --add labelled",
    ]
    assert err == ""
    assert main(["label", "message.json", "normal", "--json"]) == 0
    (done,) = json.loads(capsys.readouterr().out)["events"]
    assert done == {"event_id": event.event_id, "files": [row.file], "new": False}


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        (["label", "nothing.npz", "normal"], 64, "neither an event's id nor the file"),
        (["label", "broken.npz", "normal"], 65, "broken.npz: no record of evidence"),
        (["label", "message.json", "../x"], 64, "label '../x'"),
        (["label", UNKNOWN_ID, "normal"], 64, "no broker given"),
        (["label", "message.json"], 64, "LABEL"),
        (["false-alarm", "press4"], 64, "no event's id"),
        (["false-alarm", UNKNOWN_ID, "--shelve", "9h"], 64, "8h at most"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    folder: Path, command: list[str], code: int, text: str, capsys: pytest.CaptureFixture, monkeypatch
):
    monkeypatch.delenv("DRSN_BROKER", raising=False)
    assert _code(command) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), text in err) == ("", 1, True), err
    assert not (folder / "labelled").exists()


def _code(command: list[str]) -> int:
    try:
        return main(command)
    except SystemExit as error:
        return int(error.code or 0)


def test_a_label_that_the_bundle_does_not_have_is_noted_with_its_likely_meaning(folder: Path, capsys):
    assert main(["label", "message.json", "bal"]) == 0
    assert "did you mean ball?" in capsys.readouterr().err


def test_several_events_get_one_label(folder: Path, agents, record: Record):
    agents({"line4": {"evidence": {"ok": True, "sensor": "press4"}}})
    assert main(["label", "message.json", record.event.event_id, "ball", "--broker", "mqtt://b"]) == 0
    assert len(rows_of(folder / "labelled")) == 1, "it is the same event"


def test_each_agent_is_asked_until_one_has_the_event(folder: Path, agents, record: Record, capsys):
    refusal = {"evidence": {"ok": False, "reason": "no such event here"}}
    asked = agents({"line4": refusal, "line5": {"evidence": {"ok": True, "sensor": "press4"}}})
    assert main(["label", record.event.event_id, "ball", "--broker", "mqtt://b"]) == 0
    assert [(agent, verb) for agent, verb, _ in asked] == [("line4", "evidence"), ("line5", "evidence")]
    agents({"line4": refusal})
    assert main(["label", UNKNOWN_ID, "ball", "--broker", "mqtt://b"]) == 65
    assert "no such event here" in capsys.readouterr().err
    agents({})
    assert main(["label", UNKNOWN_ID, "ball", "--broker", "mqtt://b"]) == 69


def test_a_false_alarm_ends_with_the_command_that_commissions_the_machine(folder: Path, agents, record: Record, capsys):
    alarm = {"agent": "line4", "conditions": [{"event_id": record.event.event_id}]}
    asked = agents(
        {"line4": {"false_alarm": marked(record, shelved_until="2026-01-01T08:00:00.000Z"),
                   "evidence": {"ok": True, "sensor": "press4"}}},
        {"press4": alarm},
    )  # fmt: skip
    words = ["--by", "ana", "--comment", "it's new", "--broker", "mqtt://b:1", "--prefix", "drsn/v1", "--shelve", "30m"]
    assert main(["false-alarm", record.event.event_id, *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "marked as a false alarm by ana, shelved until 2026-01-01T08:00:00.000Z (agent line4)" in lines[0]
    assert lines[1].startswith(f"labelled/normal/{record.event.event_id}.npz written")
    assert lines[3] == (
        "  drsn-agent commission press4 --despite-alarm --by ana --comment 'it'\"'\"'s new' --broker mqtt://b:1 "
        "--prefix drsn/v1"
    )
    event = {"event_id": record.event.event_id, "sensor": "press4"}
    assert asked[0] == ("line4", "false_alarm", {"by": "ana", "comment": "it's new", "duration_s": 1800.0, **event})
    assert main(["false-alarm", record.event.event_id, "--broker", "mqtt://b", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["recording"]["new"], document["no_recording"]) == (False, None)


def test_a_false_alarm_without_evidence_says_so(folder: Path, agents, record: Record, capsys):
    agents({"line4": {"false_alarm": {**marked(record, state="normal"), "evidence": None}}})
    assert main(["false-alarm", record.event.event_id, "--broker", "mqtt://b", "--by", "ana"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "has ended already, so nothing is shelved" in lines[0]
    assert lines[1].startswith("no recording was written: the agent keeps no windows of this alarm")
    assert "--comment 'WHY THE MACHINE IS HEALTHY'" in lines[3]


def test_a_refusal_is_shown_and_a_level_is_not_learnt(folder: Path, agents, record: Record, capsys):
    agents({"line4": {"false_alarm": {"ok": False, "reason": "no such event"}}})
    assert main(["false-alarm", record.event.event_id, "--broker", "mqtt://b"]) == 1
    assert capsys.readouterr().out == "refused: no such event\n"
    agents({"line4": {"false_alarm": {**marked(record, condition="vibration_level"), "evidence": None}}})
    assert main(["false-alarm", record.event.event_id, "--broker", "mqtt://b"]) == 0
    assert "machine_group" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "seconds"), [("8h", 28800), ("0.5h", 1800), ("30m", 1800), ("90 s", 90), ("5min", 300)]
)
def test_a_time_is_a_number_with_a_unit(text: str, seconds: float):
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "0h", "-1h", "8.1h", "h", "1d", "nan h"])
def test_a_time_that_is_none_is_refused(text: str):
    with pytest.raises(UsageError, match="--shelve"):
        duration_s(text)


def test_a_recording_that_cannot_be_written_hides_neither_the_mark_nor_the_next_command(
    folder: Path, agents, record: Record, capsys
):
    replies = {"false_alarm": marked(record), "evidence": {"ok": True, "sensor": "press4"}}
    agents({"line4": replies}, {"press4": {"agent": "line4"}})
    (folder / "full").write_text("")
    assert main(["false-alarm", record.event.event_id, "--broker", "mqtt://b", "--out", "full"]) == 74
    lines = capsys.readouterr().out.splitlines()
    assert "is marked as a false alarm" in lines[0]
    assert lines[1].startswith("no recording was written: full")
    assert "drsn-agent commission press4" in lines[3]
