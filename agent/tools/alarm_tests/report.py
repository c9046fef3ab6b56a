"""Verdicts for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drsn.agent.tools.alarm_tests.expectation import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.tools.alarm_tests.case_file import CaseFile
    from drsn.agent.tools.alarm_tests.expectation import Line
    from drsn.agent.tools.alarm_tests.runner import Verdict

LEGEND = "= as expected, ~ otherwise, - did not come, + came unexpected; at_s counts from the case's begin"


def lines_of(file: CaseFile, verdict: Verdict) -> Iterator[str]:
    """A line for a case; what was expected and what came, in order, of one that failed."""
    yield f"{'ok    ' if verdict.passed else 'FAILED'}  {file.path.name}: {verdict.case.name}"
    if not verdict.passed:
        yield from (f"    {complaint}" for complaint in verdict.complaints)
        yield from (f"    {_line(line)}" for line in verdict.lines)


def _line(line: Line) -> str:
    if line.happened is None:
        assert line.expected is not None
        return f"- {line.expected.text()}"
    event = told(line.happened, () if line.expected is None else line.expected.fields)
    return f"{line.mark} {event}" + "".join(f"\n        {why}" for why in line.why)


def as_json(verdict: Verdict) -> dict[str, Any]:
    """A case: whether it passed, what was otherwise, and every event that came."""
    return {
        "name": verdict.case.name,
        "passed": verdict.passed,
        "lasted_s": verdict.lasted_s,
        "complaints": list(verdict.complaints),
        "differences": [
            {
                "mark": line.mark,
                "expected": line.expected and line.expected.text(),
                "happened": line.happened and told(line.happened),
                "why": list(line.why),
            }
            for line in verdict.lines
            if line.mark != "=" and not (line.mark == "+" and verdict.case.some)
        ],
        "events": [{"at_s": each.at_s, **each.event.model_dump(mode="json")} for each in verdict.happened],
    }
