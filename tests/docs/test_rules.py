"""The house rules that a machine can check (docs/contribute/architecture.md)."""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("agent", "export", "model") for path in (ROOT / folder).rglob("*.py"))
OTHERS = (path for name in ("tests", "benchmarks", "examples") for path in (ROOT / name).rglob("*.py"))
ALL = sorted([*SOURCES, *(path for path in OTHERS if "node_modules" not in path.parts)])


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_400_lines():
    assert [path.name for path in ALL if lines(path) > 400] == []


def test_the_wheel_has_every_folder():
    """The list of packages is explicit, and a new folder is easily forgotten: only the installed command would fail."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {f"drsn.{path.parent.relative_to(ROOT).as_posix().replace('/', '.')}" for path in SOURCES}
    assert set(project["tool"]["setuptools"]["packages"]) == folders


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


def methods(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Without those of Python's own protocols (`__len__` and so on)."""
    found = [n for n in node.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [n for n in found if not (n.name.startswith("__") and n.name.endswith("__"))]


def attributes(node: ast.ClassDef) -> set[str]:
    """The names that its methods set on `self`, and its annotated fields."""
    on_self = {
        n.attr
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute)
        and isinstance(n.ctx, ast.Store)
        and isinstance(n.value, ast.Name)
        and n.value.id == "self"
    }
    fields = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    return on_self | fields


def is_record(node: ast.ClassDef) -> bool:
    """A document, a section of the settings, a state: it has fields, and makes or shows itself, but does nothing."""
    shows = {"property", "cached_property", "classmethod", "staticmethod", "field_validator", "model_validator"}
    return all(
        {name.id for d in method.decorator_list for name in ast.walk(d) if isinstance(name, ast.Name)} & shows
        for method in methods(node)
    ) and not any(isinstance(n, ast.FunctionDef) and n.name == "__init__" for n in node.body)


CLASSES = [
    (path, node)
    for path in SOURCES
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.ClassDef)
]


def test_no_class_has_more_than_15_methods():
    assert [(path.name, node.name, len(methods(node))) for path, node in CLASSES if len(methods(node)) > 15] == []


def test_no_class_that_does_something_has_more_than_12_attributes():
    assert [
        (path.name, node.name, len(attributes(node)))
        for path, node in CLASSES
        if not is_record(node) and len(attributes(node)) > 12
    ] == []


def test_each_class_name_has_one_owner():
    """A reader who finds a name must not ask which one; private helpers of a file may repeat."""
    owners: dict[str, list[str]] = {}
    for path, node in CLASSES:
        if not node.name.startswith("_"):
            owners.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in owners.items() if len(paths) > 1} == {}


def test_every_source_file_says_what_it_is():
    silent = [p.name for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []
