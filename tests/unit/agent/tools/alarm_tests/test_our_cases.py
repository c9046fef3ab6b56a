"""Our own cases pass, and each of their expectations can fail: any of them altered, its case does."""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.decision.alarm_state import TRANSITIONS, Signal
from drsn.agent.tools.alarm_tests.case_file import parse
from drsn.agent.tools.alarm_tests.comparison import compare
from drsn.agent.tools.alarm_tests.expectation import event_pattern
from drsn.agent.tools.alarm_tests.runner import run_case

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.decision.alarm_state import State
    from drsn.agent.tools.alarm_tests.runner import CaseResult

FOLDER = Path(__file__).parents[4] / "alarm_cases"
DOCUMENTS = {path: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
CASES = [(path, number) for path, document in DOCUMENTS.items() for number in range(len(document["case"]))]
CONDITIONS = ("ball", "inner_race", "outer_race", "unknown", "sensor_fault", "silent")
OTHER = {
    "state": ("normal", "cleared_unacked"),
    "severity": ("minor", "critical"),
    "suppressed_by": ("out_of_service", "none"),
    "condition": ("unknown", "silent"),
    "conditions": (["unknown"], []),
}


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch):
    """Hundreds of stores that are synchronised to a disk take minutes."""
    if Path("/dev/shm").is_dir():
        monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")


def run(document: dict[str, Any], path: Path, number: int) -> CaseResult:
    file = parse({**document, "case": [document["case"][number]]}, path)
    return run_case(file, file.cases[0])


def altered(name: str, value: object) -> object:
    """Another value that the field can have."""
    if name in OTHER:
        return next(other for other in OTHER[name] if other != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1 if isinstance(value, int) else value / 2
    return f"not {value}"


def mutations(table: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in table.items():
        yield name, {**table, name: altered(name, value)}


@pytest.mark.parametrize(("path", "number"), CASES, ids=lambda value: getattr(value, "stem", value))
def test_it_passes_and_every_expectation_in_it_can_fail(path: Path, number: int):
    document = DOCUMENTS[path]
    case = document["case"][number]
    found = run(document, path, number)
    assert found.passed, (found.problems, found.lines)
    altered_events = _altered_events(case["expect"], found.case.within_s, some=found.case.some)
    survivors = [what for what, expected in altered_events if not _fails(found, expected)]
    for what, mutant in _altered_steps(case):
        if run({**document, "case": [mutant]}, path, 0).passed:
            survivors.append(what)
    assert survivors == []


def _fails(found: CaseResult, expected: list[dict[str, Any]]) -> bool:
    """The events that came are the same whatever is expected of them."""
    case = found.case
    patterns = [event_pattern(each, CONDITIONS) for each in expected]
    lines = compare(patterns, found.events, case.within_s, some=case.some)
    return any(line.mark not in ("=", "+" if case.some else "=") for line in lines)


def _altered_events(
    expect: list[dict[str, Any]], within_s: float, *, some: bool
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for index, event in enumerate(expect):
        for name, mutant in mutations(event):
            if name == "at_s":  # it came within the tolerance, so that this is out of it
                mutant[name] = event[name] + 2.5 * within_s
            yield f"expect {index + 1}: {name}", [*expect[:index], mutant, *expect[index + 1 :]]
        if not some:
            yield f"expect {index + 1} left out", [*expect[:index], *expect[index + 1 :]]
    yield "one more", [*expect, {"condition": "silent", "state": "active_acked"}]


def _altered_steps(case: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, step in enumerate(case["steps"]):
        for name, alarm in mutations(step.get("expect_alarm", {})):
            yield f"step {index + 1}: {name}", _with(case, index, expect_alarm=alarm)
        if "expect_refused" in step:
            yield f"step {index + 1}: refused", _with(case, index, expect_refused="some other reason")


def _with(case: dict[str, Any], index: int, **changed: object) -> dict[str, Any]:
    mutant = copy.deepcopy(case)
    mutant["steps"][index].update(changed)
    return mutant


@pytest.mark.parametrize(
    ("path", "number"),
    # An agent that has started anew has not listened before: a silence that it is told of in two parts is two.
    [(path, number) for path, number in CASES if path.stem != "slow_sensor"],
    ids=lambda value: getattr(value, "stem", value),
)
def test_a_restart_after_every_step_changes_nothing(path: Path, number: int):
    document = DOCUMENTS[path]
    case = copy.deepcopy(document["case"][number])
    case["steps"] = [each for step in case["steps"] for each in (step, {"restart": True})]
    found = run({**document, "case": [case]}, path, 0)
    assert found.passed, (found.problems, found.lines)


LIFECYCLE = ("votes", "latch", "latch_and_ack", "acknowledge")


OF_CASES = [pair for pair in TRANSITIONS if pair[1] is not Signal.LEARN]
"""Learning needs samples, so no case reaches it: test_learnt_alarms.py."""


@pytest.mark.parametrize("pair", OF_CASES, ids=lambda pair: f"{pair[0].value}, {pair[1].value}")
def test_no_transition_of_the_table_could_be_left_out(pair: tuple[State, Signal], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(TRANSITIONS, pair)
    paths = [FOLDER / f"{name}.toml" for name in LIFECYCLE]
    assert not all(run(DOCUMENTS[p], p, n).passed for p in paths for n in range(len(DOCUMENTS[p]["case"])))
