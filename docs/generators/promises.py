"""Tables of what the agent promises: each row is a test that carries the marker `promise` (pyproject.toml)."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TOPICS = ("packets", "alarms", "identity")


class Promise(NamedTuple):
    """`@pytest.mark.promise(text, where=..., topic=...)` on a test."""

    topic: str
    where: str
    """Modules of the agent that keep it, as `storage/journal, delivery/outbox`."""
    path: str
    line: int
    test: str
    text: str


def promises() -> list[Promise]:
    """All promises, in the order of the folders of the agent.

    Raises:
        ValueError: a topic is unknown, or there is no such module.
    """
    tests = (path for path in (ROOT / "tests").rglob("*.py") if "node_modules" not in path.parts)
    found = sorted(promise for path in tests for promise in _in_file(path))
    for promise in found:
        missing = [name for name in promise.where.split(", ") if not (ROOT / "agent" / f"{name}.py").exists()]
        if missing or promise.topic not in TOPICS:
            raise ValueError(f"{promise.path}:{promise.line}: {missing or promise.topic!r}: no such module or topic")
    return found


def table(topic: str) -> str:
    """The promises of one topic as Markdown."""
    rows = ["| promise | kept by | test |", "|---|---|---|"]
    for promise in promises():
        if promise.topic == topic:
            kept_by = ", ".join(f"[`{name}`](../../agent/{name}.py)" for name in promise.where.split(", "))
            rows.append(f"| {promise.text} | {kept_by} | [`{promise.test}`](../../{promise.path}) |")
    return "\n".join(rows)


def _in_file(path: Path) -> Iterator[Promise]:
    text = path.read_text(encoding="utf-8")
    if "mark.promise(" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.promise":
                named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
                (said,) = map(ast.literal_eval, decorator.args)
                where, topic = named["where"], named["topic"]
                yield Promise(topic, where, str(path.relative_to(ROOT)), node.lineno, node.name, said)
