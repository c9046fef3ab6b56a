"""Writes case files and runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.alarm_tests.case_file import read
from drsn.agent.tools.alarm_tests.runner import CaseResult, run_case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = """
[model]
labels = [
  { name = "normal", condition = "normal", healthy = true },
  { name = "ball_007", condition = "ball" },
  { name = "ball_014", condition = "ball" },
  { name = "inner_race", condition = "inner_race" },
]
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A file of one case: its steps and what it expects, below a model of three conditions and windows of a second."""

    def made(steps: str, expect: str = "[]", more: str = "", head: str = HEAD) -> Path:
        path = tmp_path / "cases.toml"
        path.write_text(f'{head}\n[[case]]\nname = "one"\nsteps = [{steps}]\nexpect = {expect}\n{more}\n')
        return path

    return made


@pytest.fixture
def run(write) -> Callable[..., CaseResult]:
    """Run such a case; return its result."""

    def of(*args: str, **options: str) -> CaseResult:
        file = read(write(*args, **options))
        return run_case(file, file.cases[0])

    return of
