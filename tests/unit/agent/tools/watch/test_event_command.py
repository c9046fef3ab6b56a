from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.live.live_state import Update
from drsn.agent.tools.watch.event_command import EventCommand
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVENT = Update(
    "event",
    {
        "agent": "line4", "sensor": "press4", "condition": "unknown", "label": "ball_007", "state": "active_unacked",
        "severity": "major", "confidence": 0.5, "seq": 8, "event_id": "e-8", "active": True, "suppressed_by": None,
        "since": "2026-01-01", "comment": "$(touch broken)\x00; rm -rf",
    },
)  # fmt: skip


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def make(problems: list[str]) -> Iterator[Callable[..., EventCommand]]:
    made: list[EventCommand] = []

    def command(text: str, **more: object) -> EventCommand:
        options = {"in_shell": False, "timeout_s": 10.0, "on_problem": problems.append, **more}
        made.append(EventCommand(text, **options))
        return made[-1]

    yield command
    for each in made:
        each.close()


def test_a_command_gets_the_event_on_its_stdin_and_in_its_environment(make: Callable, tmp_path: Path, problems):
    command = make(f"sh -c 'cat > {tmp_path}/in; env > {tmp_path}/env'")
    command.put(EVENT)
    command.close()
    assert json.loads((tmp_path / "in").read_text()) == {"kind": "event", **EVENT.document}
    variables = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    assert variables["DRSN_SENSOR"] == "press4"
    assert variables["DRSN_TEXT"] == "press4: not known; nearest ball_007, active_unacked, major"
    assert (variables["DRSN_ACTIVE"], variables["DRSN_SUPPRESSED_BY"]) == ("true", "")
    assert variables["DRSN_COMMENT"] == "$(touch broken); rm -rf", "as it is: no shell reads it"
    assert (command.counts.text, problems) == ("1 run, 0 failed, 0 timed out, 0 dropped", [])


def test_a_shell_runs_only_if_it_is_asked_for(make: Callable, tmp_path: Path):
    plain, shell = make(f"echo a > {tmp_path}/b"), make(f"echo $DRSN_SENSOR > {tmp_path}/c", in_shell=True)
    for command in (plain, shell):
        command.put(EVENT)
        command.close()
    assert not (tmp_path / "b").exists()
    assert (tmp_path / "c").read_text() == "press4\n"


def test_what_goes_wrong_is_counted_and_told(make: Callable, problems: list[str]):
    for text, more, part in (
        ("false", {}, "exit code 1"),
        ("/nowhere/at-all", {}, "No such file"),
        ("sleep 60", {"timeout_s": 0.05}, "killed after 0.05 s"),
    ):
        command = make(text, **more)
        command.put(EVENT)
        command.close()
        assert part in problems[-1]
        assert "sensor press4" in problems[-1]
    assert len(problems) == 3


def test_a_slow_command_never_holds_the_stream(make: Callable, problems: list[str]):
    command = make("sleep 60", timeout_s=0.3, max_waiting=2)
    begin_s = time.monotonic()
    for _ in range(20):
        command.put(EVENT)
    assert time.monotonic() - begin_s < 0.2
    assert 17 <= command.counts.dropped <= 18
    assert "2 events wait already" in problems[0]


def test_a_command_that_ignores_its_stdin_is_fine(make: Callable, problems: list[str]):
    command = make("true")
    command.put(Update("event", {**EVENT.document, "comment": "x" * 1_000_000}))
    command.close()
    assert problems == [] or "Argument list too long" in problems[0]


@pytest.mark.parametrize(
    ("text", "timeout_s"), [("", 1.0), ("  ", 1.0), ("a 'b", 1.0), ("a", 0.0), ("a", float("nan"))]
)
def test_a_command_that_is_none_is_a_mistake_of_usage(text: str, timeout_s: float, make: Callable):
    with pytest.raises(UsageError, match="--exec"):
        make(text, timeout_s=timeout_s)
