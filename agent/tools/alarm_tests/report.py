"""Results of cases as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drsn.agent.tools.alarm_tests.toml_text import inline_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from drsn.agent.tools.alarm_tests.case_file import CaseFile
    from drsn.agent.tools.alarm_tests.comparison import ComparedEvent
    from drsn.agent.tools.alarm_tests.expectation import TimedEvent
    from drsn.agent.tools.alarm_tests.runner import CaseResult

LEGEND = "= as expected, ~ otherwise, - did not come, + came unexpected; at_s counts from the case's begin"

SHOWN_IF_SET = ("latched", "suppressed_by", "by")
"""Fields of an event that are shown only if they are set, or have just changed."""


def event_text(timed: TimedEvent, more: Collection[str] = ()) -> str:
    """Return an event as a case would expect it: the usual fields, what has changed, and the fields in `more`."""
    event = timed.event.model_dump(mode="json")
    is_set = [name for name in SHOWN_IF_SET if event[name]]
    names = dict.fromkeys(("condition", "state", "severity", *is_set, *timed.changed, *more))
    return inline_table({"at_s": round(timed.at_s, 3), **{name: event[name] for name in names}})


def lines_of(file: CaseFile, result: CaseResult) -> Iterator[str]:
    """Yield a line for a case; for one that failed also what was expected and what came, in order."""
    yield f"{'ok    ' if result.passed else 'FAILED'}  {file.path.name}: {result.case.name}"
    if not result.passed:
        yield from (f"    {problem}" for problem in result.problems)
        yield from (f"    {_line(line)}" for line in result.lines)


def _line(line: ComparedEvent) -> str:
    if line.actual is None:
        assert line.expected is not None
        return f"- {line.expected.text()}"
    text = event_text(line.actual, () if line.expected is None else line.expected.fields)
    return f"{line.mark} {text}" + "".join(f"\n        {each}" for each in line.differences)


def as_json(result: CaseResult) -> dict[str, Any]:
    """Return a case for JSON: whether it passed, all differences, and every event that came."""
    return {
        "name": result.case.name,
        "passed": result.passed,
        "lasted_s": result.lasted_s,
        "complaints": list(result.problems),
        "differences": [
            {
                "mark": line.mark,
                "expected": line.expected and line.expected.text(),
                "happened": line.actual and event_text(line.actual),
                "why": list(line.differences),
            }
            for line in result.lines
            if line.mark != "=" and not (line.mark == "+" and result.case.some)
        ],
        "events": [{"at_s": each.at_s, **each.event.model_dump(mode="json")} for each in result.events],
    }
