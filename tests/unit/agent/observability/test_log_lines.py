"""The table of log lines against all log calls of the agent, as they stand in its sources."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.observability.log_lines import LINES, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT = Path(__file__).parents[4] / "agent"
COMMANDS = {"settings/broker_options.py", "tools/web/command.py"}
"""Warnings of a command on a terminal, not of the service."""

FORWARDED = {("service/receiver.py", "notice.event"), ("rpc/error_log.py", "event")}
"""Calls that log what another call was given."""

LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
"""Method of a logger -> level."""


def test_every_log_call_has_its_line_in_the_table():
    assert {event: place for event, _, place in logged() if event not in LINES} == {}


def test_every_line_of_the_table_is_logged_somewhere():
    assert set(LINES) - {event for event, _, _ in logged()} == set()


def test_the_level_of_a_line_is_that_of_its_call():
    wrong = {event: level for event, level, _ in logged() if level is not None and level != LINES[event].level}
    assert wrong == {}


def test_each_line_has_a_heading_of_the_runbook_a_meaning_and_a_remedy():
    assert {line.topic for line in LINES.values()} == set(TOPICS)
    assert [event for event, line in LINES.items() if not (line.meaning.endswith(".") and line.remedy)] == []


def logged() -> Iterator[tuple[str, str | None, str]]:
    """Event, level (None: the call does not fix it) and place of each log call."""
    for path in sorted(AGENT.rglob("*.py")):
        name = path.relative_to(AGENT).as_posix()
        if name in COMMANDS:
            continue
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from _of_function(name, function)


def _of_function(name: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, str | None, str]]:
    for call in ast.walk(function):
        if not isinstance(call, ast.Call) or (found := _event(call)) is None:
            continue
        event, level = found
        place = f"{name}:{call.lineno}"
        if (name, ast.unparse(event)) not in FORWARDED:
            yield from ((text, level, place) for text in _texts(event, name, function))


def _event(call: ast.Call) -> tuple[ast.expr, str | None] | None:
    """The argument with the text of a call that logs, and its level."""
    if isinstance(call.func, ast.Name) and call.func.id == "Notice":
        return call.args[1], ast.unparse(call.args[0]).lower()
    if not isinstance(call.func, ast.Attribute):
        return None
    owner, method = ast.unparse(call.func.value), call.func.attr
    if owner.endswith("errors") and method == "write":
        return call.args[1], "error"
    if owner != "log" or method not in {*LEVELS, "log"}:
        return None
    return (call.args[1], None) if method == "log" else (call.args[0], LEVELS[method])


def _texts(event: ast.expr, name: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """What the argument can be: a literal, a constant of the module, or what the function assigns to the name."""
    if isinstance(event, ast.Constant):
        return [event.value]
    assert isinstance(event, ast.Name), f"{name}:{event.lineno}: use a literal or a constant"
    assigned = [
        node.value.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == event.id
        and isinstance(node.value, ast.Constant)
    ]
    module = "drsn.agent." + name.removesuffix(".py").replace("/", ".")
    return assigned or [getattr(importlib.import_module(module), event.id)]
