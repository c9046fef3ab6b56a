"""Reads a file of alarm cases. What is wrong with it is one line: file, case, step, field, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field, ValidationError

from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS
from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.agent.tools.alarm_tests.expectation import alarm_pattern, event_pattern
from drsn.agent.tools.alarm_tests.scripted_windows import FieldError, runs_of
from drsn.agent.tools.alarm_tests.steps import KINDS, Command, Recorded, SensorId, Step, Windows
from drsn.agent.tools.alarm_tests.subject import Head, field_error, misplaced, subject_of
from drsn.model.contract import NORMAL, Frozen
from drsn.model.errors import ConfigurationError
from drsn.model.toml_file import TomlError, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from drsn.agent.tools.alarm_tests.expectation import Pattern
    from drsn.agent.tools.alarm_tests.subject import Subject

F = TypeVar("F", bound=Frozen)


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
class Stage:
    """A step, and the alarm that must be retained after it."""

    step: Step
    alarm: Pattern | None


@dataclass(frozen=True)
class Case:
    """One case, checked."""

    name: str
    sensor: str
    stages: tuple[Stage, ...]
    expected: tuple[Pattern, ...]
    some: bool
    within_s: float


@dataclass(frozen=True)
class CaseFile:
    """What a file holds."""

    path: Path
    subject: Subject
    cases: tuple[Case, ...]

    def where(self, case: Case, number: int) -> str:
        """Names a step, from 1."""
        return _where(self.path, case.name, number)


def read(path: Path) -> CaseFile:
    """Read and check a file.

    Raises:
        ConfigurationError: one line that says what is wrong, and where.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file; name a file of alarm cases (docs/alarm_cases.md)")
    try:
        document = read_toml(path)
    except TomlError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return parse(document, path)


def parse(document: Mapping[str, Any], path: Path) -> CaseFile:
    """Check what was read from `path`, which paths in it start from.

    Raises:
        ConfigurationError: as `read`.
    """
    head, tables = dict(document), document.get("case")
    head.pop("case", None)
    if not isinstance(tables, list) or not tables:
        raise ConfigurationError(f"{path}: no [[case]]; write one (docs/alarm_cases.md)")
    try:
        subject = subject_of(_valid(Head, head), path.parent)
    except (FieldError, ConfigurationError) as error:
        raise misplaced(str(path), error) from None
    cases = tuple(_case(table, number, subject, path) for number, table in enumerate(tables, start=1))
    names = [case.name for case in cases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"{path}: two cases are called {twice!r}; tell them apart")
    return CaseFile(path, subject, cases)


def _case(given: Mapping[str, Any], number: int, subject: Subject, path: Path) -> Case:
    name = str(given.get("name", number)) if isinstance(given, dict) else str(number)
    where = f"{path}: case {name!r}"
    try:
        table = _valid(CaseTable, given)
        if table.expect_some and not table.expect:
            raise FieldError("expect", "is empty, and others may come, so it can't fail; leave expect_some out")  # noqa: TRY301
    except FieldError as error:
        raise misplaced(where, error) from None
    conditions = (*(each for each in subject.contract.conditions if each != NORMAL), UNKNOWN, *SENSOR_CONDITIONS)
    stages = [_stage(step, subject, conditions, _where(path, name, i)) for i, step in enumerate(table.steps, start=1)]
    try:
        if table.expect_alarm is not None:
            stages.append(Stage(Step(), alarm_pattern(table.expect_alarm, conditions)))
    except FieldError as error:
        raise misplaced(where, error) from None
    return Case(
        name=table.name,
        sensor=table.sensor,
        stages=tuple(stages),
        expected=tuple(_expected(each, conditions, f"{where}: expect {i}") for i, each in enumerate(table.expect, 1)),
        some=table.expect_some,
        within_s=table.within_s or subject.window_ns / 1e9,
    )


def _expected(given: Mapping[str, Any], conditions: tuple[str, ...], where: str) -> Pattern:
    try:
        return event_pattern(given, conditions)
    except FieldError as error:
        raise misplaced(where, error) from None


def _stage(given: Mapping[str, Any], subject: Subject, conditions: tuple[str, ...], where: str) -> Stage:
    try:
        step = _valid(_kind(given), given)
        if isinstance(step, Windows):
            runs_of(step, subject.contract, subject.hop_ns / 1e9)
        if isinstance(step, Recorded) and subject.bundle is None:
            raise FieldError("recording", "labels alone can't diagnose it; name a bundle")  # noqa: TRY301
        if isinstance(step, Command) and step.condition not in (None, *conditions) and step.expect_refused is None:
            raise FieldError("condition", f"{step.condition!r} is none of {', '.join(conditions)}")  # noqa: TRY301
        alarm = None if step.expect_alarm is None else alarm_pattern(step.expect_alarm, conditions)
    except FieldError as error:
        raise misplaced(where, error) from None
    return Stage(step, alarm)


def _kind(given: Mapping[str, Any]) -> type[Step]:
    kind = next((kind for key, kind in KINDS.items() if key in given), None)
    if kind is None:
        raise FieldError("", f"says nothing that can happen; a step has one of {', '.join(KINDS)}")
    return kind


def _valid(model: type[F], given: Mapping[str, Any]) -> F:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise field_error(error) from None


def _where(path: Path, case: str, number: int) -> str:
    return f"{path}: case {case!r}: step {number}"
