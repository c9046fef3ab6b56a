from __future__ import annotations

import pytest

from drsn.agent.schema.documents import BundleReference, EventDocument
from drsn.agent.tools.alarm_tests.comparison import ComparedEvent, compare
from drsn.agent.tools.alarm_tests.expectation import TimedEvent, event_pattern
from drsn.agent.tools.alarm_tests.report import event_text

CONDITIONS = ("ball", "inner_race", "unknown", "sensor_fault", "silent")


def timed(condition: str, at_s: float = 1.0, **fields: object) -> TimedEvent:
    usual = {
        "label": condition,
        "event_id": "id",
        "state": "active_unacked",
        "active": True,
        "acked": False,
        "severity": "major",
        "since": "",
        "decided_at": "",
        "clock_synced": True,
        "confidence": 0.97,
        "votes": 6,
        "of": 8,
        "window_label": condition,
        "agent": "a",
        "epoch": "e",
        "sensor": "s",
        "seq": 1,
        "bundle": BundleReference(name="b", version="1", sha256="0" * 64),
    }
    return TimedEvent(at_s, EventDocument(condition=condition, **{**usual, **fields}))


def marks(lines: list[ComparedEvent]) -> str:
    return "".join(line.mark for line in lines)


def compared(expected: list[dict[str, object]], actual: list[TimedEvent], *, some: bool = False) -> list[ComparedEvent]:
    return compare([event_pattern(each, CONDITIONS) for each in expected], actual, 0.2, some=some)


def test_only_the_fields_that_are_given_are_compared():
    (line,) = compared(
        [{"condition": "ball", "votes": 6, "confidence": 0.9701, "suppressed_by": "none"}], [timed("ball")]
    )
    assert line.mark == "="


@pytest.mark.parametrize(
    ("field", "value"),
    [("votes", 7), ("confidence", 0.98), ("suppressed_by", "gate"), ("severity", "minor"), ("acked", True), ("seq", 2)],
)
def test_a_field_that_is_otherwise_is_named(field, value):
    (line,) = compared([{"condition": "ball", field: value}], [timed("ball")])
    assert line.mark == "~"
    assert line.differences[0].startswith(f"{field} is ")


def test_a_time_may_differ_by_the_tolerance():
    assert [compared([{"condition": "ball", "at_s": s}], [timed("ball")])[0].mark for s in (1.2, 1.21)] == ["=", "~"]


def test_missing_and_unexpected_events_are_shown_in_order():
    actual = [timed("ball"), timed("silent"), timed("inner_race")]
    assert (
        marks(compared([{"condition": "ball"}, {"condition": "inner_race"}, {"condition": "unknown"}], actual))
        == "=+=-"
    )


def test_of_equal_conditions_the_one_that_fits_is_taken():
    actual = [timed("ball", votes=1), timed("ball", votes=2), timed("ball", votes=3)]
    assert marks(compared([{"condition": "ball", "votes": 2}], actual)) == "+=+"


def test_with_others_allowed_the_first_way_that_fits_is_found():
    actual = [timed(name) for name in ("silent", "ball", "unknown", "ball", "inner_race")]
    due = [{"condition": "ball"}, {"condition": "ball"}, {"condition": "inner_race"}]
    assert marks(compared(due, actual, some=True)) == "+=+=="
    assert "-" in marks(compared([*due, {"condition": "ball"}], actual, some=True))


def test_every_event_in_order_is_as_expected_though_some_fit_several_patterns():
    expected = [{"condition": "ball"}, {"condition": "ball", "votes": 6}, {"condition": "ball"}]
    assert marks(compared(expected, [timed("ball")] * 3)) == "==="
    assert set(marks(compared(expected, [timed("ball"), timed("ball", votes=1), timed("ball")]))) > {"="}


def test_events_of_other_conditions_are_missing_and_unexpected():
    assert marks(compared([{"condition": "ball"}], [timed("silent")])) == "-+"


def test_an_event_is_printed_as_a_case_would_expect_it():
    event = timed("ball", 2.3456, suppressed_by="shelved")
    assert event_text(event, ["votes", "evidence"]) == (
        '{ at_s = 2.346, condition = "ball", state = "active_unacked", severity = "major", '
        'suppressed_by = "shelved", votes = 6, evidence = "none" }'
    )
