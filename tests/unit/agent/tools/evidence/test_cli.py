from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from drsn.agent.__main__ import main
from drsn.agent.evidence.json_form import to_message
from drsn.agent.evidence.npz_form import to_bytes
from drsn.agent.evidence.record_files import FOLDER, RecordFiles


@pytest.fixture
def state(tmp_path, record, monkeypatch):
    monkeypatch.chdir(tmp_path)
    RecordFiles(tmp_path / "state" / FOLDER, 1 << 20, 0).put(
        record.event.sensor, record.event.event_id, to_bytes(record)
    )
    (tmp_path / "message.json").write_bytes(to_message(record))
    (tmp_path / "broken.npz").write_bytes(b"PK\3\4")
    (tmp_path / "agent.toml").write_text(
        '[agent]\nbundle = "shipped:synthetic"\nstate_dir = "state"\n'
        '[[inputs]]\ntopic = "plant/{m}/frame"\nsensor = "{m}"\n'
        '[[sensors]]\nmatch = "*"\nbearing = {balls = 9, ball_diameter_mm = 7.94, pitch_diameter_mm = 39.04}\n'
    )
    return tmp_path / "state"


def test_an_event_is_found_by_its_id_and_told(state, record, capsys):
    assert main(["evidence", record.event.event_id, "--state-dir", "state"]) == 0
    told = capsys.readouterr().out
    assert "press4: ball, active_unacked" in told
    assert told.count("/4") == 4
    assert main(["evidence", record.event.event_id, "--config", "agent.toml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["event"]["event_id"] == record.event.event_id
    assert [window["condition"] for window in document["windows"]] == ["ball", "normal", "ball", "ball"]


@pytest.mark.parametrize("name", ["file", "message"])
def test_a_file_of_either_form_will_do(state, record, capsys, name):
    path = state / FOLDER / "press4" / f"{record.event.event_id}.npz" if name == "file" else "message.json"
    assert main(["evidence", str(path)]) == 0
    assert record.event.event_id in capsys.readouterr().out


def test_what_is_kept_is_listed(state, record, capsys):
    assert main(["evidence", "--list", "--state-dir", "state"]) == 0
    assert record.event.event_id in capsys.readouterr().out
    assert main(["evidence", "--list", "--config", "agent.toml", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["evidence"]
    assert (row["sensor"], row["bytes"]) == ("press4", len(to_bytes(record)))
    assert (row["condition"], row["label"], row["state"]) == ("ball", "ball", "active_unacked")


def test_a_record_that_cannot_be_read_is_listed_too(state, record, capsys):
    (state / FOLDER / "press4" / f"{record.event.event_id}.npz").write_bytes(b"PK")
    assert main(["evidence", "--list", "--state-dir", "state"]) == 0
    assert capsys.readouterr().out.endswith("press4  unreadable\n")


def test_a_picture_is_drawn_with_the_configured_bearing(state, record, capsys):
    pytest.importorskip("matplotlib")
    assert main(["evidence", "message.json", "--config", "agent.toml", "--png", "why.png", "--rpm", "1750"]) == 0
    assert "drawn: why.png" in capsys.readouterr().out
    assert Path("why.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 64, "--list"),
        (["x", "--list"], 64, "--list"),
        (["--list"], 64, "--state-dir"),
        (["00000000-0000-0000-0000-000000000000"], 64, "--config or --state-dir"),
        (["00000000-0000-0000-0000-000000000000", "--state-dir", "state"], 65, "nothing is kept"),
        (["missing.npz"], 74, "No such file"),
        (["broken.npz"], 65, "no record of evidence"),
        (["message.json", "--replay"], 64, "--bundle"),
        (["message.json", "--replay", "--bundle", "shipped:synthetic"], 64, "another contract"),
        (["message.json", "--png", "missing/why.png"], 74, "missing/why.png"),
        (["message.json", "--config", "none.toml"], 78, "none.toml"),
    ],
)
def test_what_goes_wrong_is_one_line(state, capsys, arguments, code, said):
    if "--png" in arguments:
        pytest.importorskip("matplotlib")
    assert main(["evidence", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err


def test_a_picture_without_matplotlib_names_the_extra(state, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["evidence", "message.json", "--png", "why.png"]) == 69
    assert "pip install 'drsn-edge[plots]'" in capsys.readouterr().err
