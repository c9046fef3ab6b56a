from __future__ import annotations

import json
from typing import TYPE_CHECKING

from drsn.agent.__main__ import main

if TYPE_CHECKING:
    import pytest

RIGHT = '[{ condition = "ball", state = "active_unacked" }]'
WRONG = '[{ condition = "ball", state = "normal" }]'


def test_cases_that_pass_are_a_line_each(write, capsys: pytest.CaptureFixture[str]):
    assert main(["test-alarms", str(write('{ say = "ball_007 x6" }', RIGHT)), "--events"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "ok      cases.toml: one",
        '    { at_s = 6, condition = "ball", state = "active_unacked", severity = "major" },',
        "1 cases, 0 failed",
    ]
    assert captured.err == ""


def test_one_that_fails_makes_the_command_fail_without_noise(write, capsys: pytest.CaptureFixture[str]):
    steps = '{ say = "ball_007 x6" }, { command = "reset", condition = "ball", expect_refused = "still there" }'
    assert main(["test-alarms", str(write(steps, WRONG))]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("FAILED  cases.toml: one\n")
    assert 'state is "active_unacked", not "normal"' in captured.out
    assert captured.err == ""


def test_json_tells_all_of_it(write, capsys: pytest.CaptureFixture[str]):
    assert main(["test-alarms", str(write('{ say = "ball_007 x6" }', WRONG)), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (case,) = found["cases"]
    assert (found["failed"], case["name"], case["passed"], case["lasted_s"]) == (1, "one", False, 6.0)
    assert [(event["at_s"], event["condition"], event["votes"]) for event in case["events"]] == [(6.0, "ball", 6)]
    assert case["differences"][0]["why"] == ['state is "active_unacked", not "normal"']


def test_some_of_the_cases_may_be_chosen(write, capsys: pytest.CaptureFixture[str]):
    path = str(write('{ say = "ball_007 x6" }', RIGHT))
    assert main(["test-alarms", path, path, "--case", "on"]) == 0
    assert "2 cases" in capsys.readouterr().out
    assert main(["test-alarms", path, "--case", "two"]) == 64
    assert "no case has that in its name" in capsys.readouterr().err


def test_a_bad_file_is_one_line_and_78_before_any_case_is_run(write, capsys: pytest.CaptureFixture[str]):
    assert main(["test-alarms", str(write('{ say = "rust" }'))]) == 78
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert main(["test-alarms"]) == 64
