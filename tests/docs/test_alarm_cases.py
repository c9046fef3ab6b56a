"""The cases in docs/reference/alarm-cases.md do what the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from drsn.agent.tools.alarm_tests.case_file import parse
from drsn.agent.tools.alarm_tests.report import lines_of
from drsn.agent.tools.alarm_tests.runner import run_case

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "alarm_cases"
TEXT = (ROOT / "docs" / "reference" / "alarm-cases.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split('"')[1])
def test_every_example_passes(block: str):
    file = parse(tomllib.loads(block), FOLDER / "press.toml")
    assert [case.name for case in file.cases if not run_case(file, case).passed] == []


def test_the_page_shows_what_a_failure_looks_like():
    file = parse(tomllib.loads(BLOCKS[0].replace("at_s = 3.6", "at_s = 3")), FOLDER / "press.toml")
    (case,) = file.cases
    assert "\n".join(lines_of(file, run_case(file, case))) in TEXT


def test_every_file_of_ours_is_named():
    assert [path.name for path in FOLDER.glob("*.toml") if f"../tests/alarm_cases/{path.name}" not in TEXT] == []
