"""The house rules that a machine can check (docs/architecture.md)."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("agent", "export", "model") for path in (ROOT / folder).rglob("*.py"))
ALL = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_hides_two_nouns():
    assert [path.name for path in ALL if lines(path) > 350] == []


def test_the_median_file_is_about_a_hundred_lines():
    assert statistics.median(map(lines, SOURCES)) <= 110


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_is_longer_than_a_screen(path: Path):
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    assert [f.name for f in functions if f.end_lineno - f.lineno >= 40] == []


def test_every_source_file_says_what_it_is():
    silent = [p.name for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []
