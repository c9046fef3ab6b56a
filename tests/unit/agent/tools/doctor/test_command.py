from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from drsn.agent.__main__ import main
from drsn.agent.tools.doctor import checks
from drsn.agent.tools.doctor.finding import misconfigured, ok, unavailable, unneeded

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[agent]
bundle = "shipped:synthetic"
state_dir = "state"
[[inputs]]
topic = "plant/{s}/frame"
sensor = "{s}"
"""
FOUND = {
    "one": ok("as it should be"),
    "another": unneeded("no Jetson"),
    "a third": unavailable("nothing listens", "start the broker"),
    "a fourth": misconfigured("no such bundle", "make one"),
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("drsn.agent.observability.logs.configure", lambda _level: None)  # other tests listen to logs
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG)
    return str(path)


@pytest.mark.parametrize(("names", "code"), [(["one", "another"], 0), (["one", "a third"], 69), (list(FOUND), 78)])
def test_the_exit_code_is_that_of_the_worst_finding(config: str, monkeypatch, capsys, names: list[str], code: int):
    monkeypatch.setattr(checks, "examined", lambda _subject: {name: FOUND[name] for name in names})
    assert main(["doctor", "--config", config, "--json"]) == code
    report = json.loads(capsys.readouterr().out)
    assert (report["exit_code"], [entry["check"] for entry in report["findings"]]) == (code, names)


def test_for_people_the_remedy_stands_below_its_problem(config: str, monkeypatch, capsys):
    monkeypatch.setattr(checks, "examined", lambda _subject: FOUND)
    main(["doctor", "--config", config])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["ok", "one", "as", "it", "should", "be"],
        ["-", "another", "no", "Jetson"],
        ["PROBLEM", "a", "third", "nothing", "listens"],
        ["->", "start", "the", "broker"],
        ["PROBLEM", "a", "fourth", "no", "such", "bundle"],
        ["->", "make", "one"],
    ]


def test_one_check_that_finds_a_problem_stops_no_other(config: str, capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    code = main(["doctor", "--config", config, "--set", "agent.bundle=nowhere", "--set", "mqtt.url=mqtt://127.0.0.1:1",
                 "--json"])  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    states = {entry["check"]: entry["state"] for entry in report["findings"]}
    assert list(states) == list(checks.CHECKS)
    assert (code, states["bundle"], states["broker.line"]) == (78, "problem", "problem")
