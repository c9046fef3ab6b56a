"""The commands of docs/use/watch.md for --exec run as they stand, with programs of a test in place of curl and mail."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from drsn.agent.__main__ import command_parser
from drsn.agent.tools.live.live_state import Update
from drsn.agent.tools.watch.event_command import EventCommand
from drsn.agent.tools.watch.lines import ENVIRONMENT, environment_of

PAGE = (Path(__file__).parents[2] / "docs/use/watch.md").read_text(encoding="utf-8")
EVENT = {
    "agent": "line4", "sensor": "press4", "condition": "ball", "label": "ball", "state": "active_unacked",
    "severity": "major", "confidence": 0.5, "seq": 8, "event_id": "e-8", "active": True, "since": "2026-01-01",
}  # fmt: skip
EXAMPLES = [
    shlex.split(found.replace("\\\n", " "))
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for found in re.findall(r"drsn-agent (watch .*--exec(?:.|\n)*?)\n(?=drsn|$)", block)
]


def test_there_are_examples():
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("words", EXAMPLES, ids=lambda words: words[-1].split()[0])
def test_each_example_runs_and_gets_the_event(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("curl", "mail"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/got\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    arguments, problems = command_parser().parse_args(words), []
    command = EventCommand(arguments.execute, in_shell=arguments.shell, timeout_s=10, on_problem=problems.append)
    command.put(Update("event", EVENT))
    command.close()
    assert (problems, command.counts.done) == ([], 1)
    if arguments.shell:
        assert "press4: ball, active_unacked, major" in (tmp_path / "got").read_text()
    else:
        assert json.loads((tmp_path / "events.jsonl").read_text())["event_id"] == "e-8"


def test_each_variable_is_named():
    assert set(environment_of(Update("event", EVENT))) == {*ENVIRONMENT, "DRSN_KIND", "DRSN_TEXT"}
    assert [name for name in (*ENVIRONMENT, "DRSN_KIND", "DRSN_TEXT") if f"`{name}`" not in PAGE] == []
