"""Expected and actual events side by side, as a diff shows them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drsn.agent.tools.alarm_tests.expectation import Pattern, TimedEvent


@dataclass(frozen=True, slots=True)
class ComparedEvent:
    """An expected event, an actual one, or both."""

    mark: Literal["=", "~", "-", "+"]
    """As expected; with differences; missing; not expected."""
    expected: Pattern | None
    actual: TimedEvent | None
    differences: tuple[str, ...] = ()


def compare(
    expected: Sequence[Pattern], actual: Sequence[TimedEvent], within_s: float, *, some: bool
) -> list[ComparedEvent]:
    """Align actual events with expected ones, in order.

    Args:
        expected: in order.
        actual: in order.
        within_s: tolerance of their times.
        some: other events may come between; those are "+" and no error.
    """
    fits = [[not pattern.event_differences(event, within_s) for event in actual] for pattern in expected]
    found = _subsequence(expected, actual, fits)
    if found is not None and (some or len(actual) == len(expected)):
        return found
    # Equal labels are a match for difflib: an event gets the number of the first pattern that it fits.
    wanted = [expected.index(pattern) for pattern in expected]
    given = [next((i for i in range(len(expected)) if fits[i][j]), -1 - j) for j in range(len(actual))]
    lines: list[ComparedEvent] = []
    for tag, i, i_end, j, j_end in SequenceMatcher(None, wanted, given, autojunk=False).get_opcodes():
        for pattern, event in zip_longest(expected[i:i_end], actual[j:j_end]):
            lines += [ComparedEvent("=", pattern, event)] if tag == "equal" else _pair(pattern, event, within_s)
    return lines


def _subsequence(
    expected: Sequence[Pattern], actual: Sequence[TimedEvent], fits: list[list[bool]]
) -> list[ComparedEvent] | None:
    """Find all expected events in order among the actual ones; None: at least one is missing."""
    lines: list[ComparedEvent] = []
    i = 0
    for j, event in enumerate(actual):
        if i < len(expected) and fits[i][j]:
            lines.append(ComparedEvent("=", expected[i], event))
            i += 1
        else:
            lines.append(ComparedEvent("+", None, event))
    return lines if i == len(expected) else None


def _pair(pattern: Pattern | None, event: TimedEvent | None, within_s: float) -> Iterator[ComparedEvent]:
    """Events of one condition are one line, with their differences; else a missing and an unexpected one."""
    if pattern is not None and event is not None and pattern.fields["condition"] == event.event.condition:
        differences = tuple(pattern.event_differences(event, within_s))
        yield ComparedEvent("~" if differences else "=", pattern, event, differences)
        return
    if pattern is not None:
        yield ComparedEvent("-", pattern, None)
    if event is not None:
        yield ComparedEvent("+", None, event)
