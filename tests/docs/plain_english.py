"""Finds the words that docs/contribute/style.md rejects: in pages, and in the strings of the source."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBJECTS = (
    "agent|broker|sensor|model|network|bundle|command|client|server|packet|window|document|status|health|log|page|table|file|"
    "setting|recipe|detector|gate|rule|monitor|doctor|replay|demo|test|it"
)


_CODE = re.compile(r"`[^`\n]*`")


def words_of(style: str, name: str) -> list[str]:
    """The words of the first column of a table of the style sheet, between `<!-- NAME -->` and `<!-- /NAME -->`."""
    table = style.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
    cells = [row.split("|")[1].strip() for row in table.strip().splitlines()[2:]]
    return [word for cell in cells for word in cell.split(", ")]


def pattern(style: str) -> re.Pattern[str]:
    """All that the style sheet rejects."""
    people = "|".join(map(re.escape, words_of(style, "people")))
    words = "|".join(map(re.escape, words_of(style, "words")))
    return re.compile(rf"\b(?:(?:{SUBJECTS})s? (?:{people})|{words})\b", re.IGNORECASE)


def prose(page: str) -> str:
    """A page without code, links' targets and comments."""
    without_blocks = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return re.sub(rf"{_CODE.pattern}|<!--.*?-->|\]\([^)]*\)", " ", without_blocks, flags=re.DOTALL)


def strings(source: str) -> Iterator[str]:
    """The strings of a file of source that are sentences; docstrings are not among them."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and " " in node.value
        ):
            yield _CODE.sub(" ", node.value)
