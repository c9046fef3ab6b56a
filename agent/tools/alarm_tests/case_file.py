"""Reads and checks a file of alarm cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS
from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.agent.monitoring.findings import OBSERVED
from drsn.agent.tools.alarm_tests.case_errors import field_error, located, validated
from drsn.agent.tools.alarm_tests.case_setup import FileHead, setup_of
from drsn.agent.tools.alarm_tests.expectation import alarm_pattern, event_pattern
from drsn.agent.tools.alarm_tests.scripted_windows import runs_of
from drsn.agent.tools.alarm_tests.steps import STEP_KINDS, Command, PlayRecording, ScriptedWindows, SensorId, Step
from drsn.model.contract import NORMAL, Frozen
from drsn.model.errors import ConfigurationError
from drsn.model.toml_file import TomlError, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from drsn.agent.tools.alarm_tests.case_setup import CaseSetup
    from drsn.agent.tools.alarm_tests.expectation import Pattern


class CaseTable(Frozen):
    """One `[[case]]` as it is written."""

    name: str = Field(min_length=1, max_length=200)
    sensor: SensorId = "sensor"
    steps: list[dict[str, Any]] = Field(min_length=1)
    expect: list[dict[str, Any]] = Field(description="every event, in order")
    expect_some: bool = Field(default=False, description="others may come between")
    expect_alarm: dict[str, Any] | None = Field(default=None, description="at the end")
    within_s: float | None = Field(default=None, gt=0, description="that `at_s` may differ by; default: one window")


@dataclass(frozen=True)
class CheckedStep:
    """A step, and the alarm that must be retained after it."""

    step: Step
    alarm: Pattern | None


@dataclass(frozen=True)
class Case:
    """One case, checked."""

    name: str
    sensor: str
    steps: tuple[CheckedStep, ...]
    expected: tuple[Pattern, ...]
    some: bool
    """Other events may come between the expected ones."""
    within_s: float


@dataclass(frozen=True)
class CaseFile:
    """A file of cases, checked."""

    path: Path
    setup: CaseSetup
    cases: tuple[Case, ...]

    def place(self, case: Case, number: int) -> str:
        """Return the place of a step, counted from 1, for error messages."""
        return f"{self.path}: case {case.name!r}: step {number}"


def read(path: Path) -> CaseFile:
    """Read and check a file.

    Raises:
        ConfigurationError: one line that gives the problem and its place.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file; name a file of alarm cases (docs/reference/alarm-cases.md)")
    try:
        document = read_toml(path)
    except TomlError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return parse(document, path)


def parse(document: Mapping[str, Any], path: Path) -> CaseFile:
    """Check a document that was read from `path`; paths in it start from its folder.

    Raises:
        ConfigurationError: as `read`.
    """
    head, tables = dict(document), document.get("case")
    head.pop("case", None)
    if not isinstance(tables, list) or not tables:
        raise ConfigurationError(f"{path}: no [[case]]; write one (docs/reference/alarm-cases.md)")
    with located(str(path)):
        setup = setup_of(validated(FileHead, head), path.parent)
        cases = tuple(_case(table, number, setup) for number, table in enumerate(tables, start=1))
        names = [case.name for case in cases]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigurationError(f"two cases are called {twice!r}; tell them apart")
    return CaseFile(path, setup, cases)


def _case(given: Mapping[str, Any], number: int, setup: CaseSetup) -> Case:
    name = str(given.get("name", number)) if isinstance(given, dict) else str(number)
    of_model = [each for each in setup.contract.alarm_conditions if each != NORMAL]
    conditions = (*of_model, UNKNOWN, *SENSOR_CONDITIONS, *OBSERVED)
    with located(f"case {name!r}"):
        table = validated(CaseTable, given)
        if table.expect_some and not table.expect:
            raise field_error("expect", "is empty, and others may come, so it can't fail; leave expect_some out")
        steps = []
        for at, step in enumerate(table.steps, start=1):
            with located(f"step {at}"):
                steps.append(_step(step, setup, conditions))
        if table.expect_alarm is not None:
            steps.append(CheckedStep(Step(), alarm_pattern(table.expect_alarm, conditions)))
        expected = []
        for at, event in enumerate(table.expect, start=1):
            with located(f"expect {at}"):
                expected.append(event_pattern(event, conditions))
    return Case(
        name=table.name,
        sensor=table.sensor,
        steps=tuple(steps),
        expected=tuple(expected),
        some=table.expect_some,
        within_s=table.within_s or setup.window_ns / 1e9,
    )


def _step(given: Mapping[str, Any], setup: CaseSetup, conditions: tuple[str, ...]) -> CheckedStep:
    kind = next((kind for key, kind in STEP_KINDS.items() if key in given), None)
    if kind is None:
        raise ConfigurationError(f"says nothing that can happen; a step has one of {', '.join(STEP_KINDS)}")
    step = validated(kind, given)
    if isinstance(step, ScriptedWindows):
        runs_of(step, setup.contract, setup.hop_ns / 1e9)
    if isinstance(step, PlayRecording) and setup.bundle is None:
        raise field_error("recording", "labels alone can't diagnose it; name a bundle")
    if isinstance(step, Command) and step.condition not in (None, *conditions) and step.expect_refused is None:
        raise field_error("condition", f"{step.condition!r} is not one of {', '.join(conditions)}")
    return CheckedStep(step, None if step.expect_alarm is None else alarm_pattern(step.expect_alarm, conditions))
