from __future__ import annotations

import pytest

from drsn.agent.schema.documents import BundleReference, EventDocument
from drsn.agent.tools.alarm_tests.expectation import Happened, Line, alarm_pattern, beside, event_pattern, told
from drsn.agent.tools.alarm_tests.scripted_windows import FieldError

CONDITIONS = ("ball", "inner_race", "unknown", "sensor_fault", "silent")


def happened(condition: str, at_s: float = 1.0, **said: object) -> Happened:
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
    return Happened(at_s, EventDocument(condition=condition, **{**usual, **said}))


def marks(lines: list[Line]) -> str:
    return "".join(line.mark for line in lines)


def laid(expected: list[dict[str, object]], came: list[Happened], *, some: bool = False) -> list[Line]:
    return beside([event_pattern(each, CONDITIONS) for each in expected], came, 0.2, some=some)


def test_only_the_fields_that_are_given_are_compared():
    (line,) = laid(
        [{"condition": "ball", "votes": 6, "confidence": 0.9701, "suppressed_by": "none"}], [happened("ball")]
    )
    assert line.mark == "="


@pytest.mark.parametrize(
    ("field", "value"),
    [("votes", 7), ("confidence", 0.98), ("suppressed_by", "gate"), ("severity", "minor"), ("acked", True), ("seq", 2)],
)
def test_a_field_that_is_otherwise_is_named(field, value):
    (line,) = laid([{"condition": "ball", field: value}], [happened("ball")])
    assert line.mark == "~"
    assert line.why[0].startswith(f"{field} is ")


def test_a_time_may_differ_by_the_tolerance():
    assert [laid([{"condition": "ball", "at_s": s}], [happened("ball")])[0].mark for s in (1.2, 1.21)] == ["=", "~"]


def test_what_did_not_come_and_what_came_besides_stand_in_order():
    came = [happened("ball"), happened("silent"), happened("inner_race")]
    assert marks(laid([{"condition": "ball"}, {"condition": "inner_race"}, {"condition": "unknown"}], came)) == "=+=-"


def test_of_equal_conditions_the_one_that_fits_is_taken():
    came = [happened("ball", votes=1), happened("ball", votes=2), happened("ball", votes=3)]
    assert marks(laid([{"condition": "ball", "votes": 2}], came)) == "+=+"


def test_with_others_allowed_the_first_way_that_fits_is_found():
    came = [happened(name) for name in ("silent", "ball", "unknown", "ball", "inner_race")]
    due = [{"condition": "ball"}, {"condition": "ball"}, {"condition": "inner_race"}]
    assert marks(laid(due, came, some=True)) == "+=+=="
    assert "-" in marks(laid([*due, {"condition": "ball"}], came, some=True))


def test_an_event_is_told_as_a_case_would_expect_it():
    event = happened("ball", 2.3456, suppressed_by="shelved")
    assert told(event, ["votes", "evidence"]) == (
        '{ at_s = 2.346, condition = "ball", state = "active_unacked", severity = "major", '
        'suppressed_by = "shelved", votes = 6, evidence = "none" }'
    )


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "condition: say which: ball"),
        ({"condition": "rust"}, "condition: 'rust' is none of ball"),
        ({"condition": "ball", "vote": 6}, "vote: no such field; there are at_s, condition"),
        ({"condition": "ball", "state": "active"}, "state: 'active': Input should be 'normal'"),
        ({"condition": "ball", "at_s": -1}, "at_s: -1 is no time"),
        ({"condition": "ball", "votes": "none"}, "votes: 'none'"),
        ({"condition": "ball", "event_id": "x"}, "event_id: no such field"),
    ],
)
def test_an_event_that_can_not_be_is_refused(given, complaint):
    with pytest.raises(FieldError) as error:
        event_pattern(given, CONDITIONS)
    assert str(error.value).startswith(complaint)


def test_an_alarm_that_can_not_be_is_refused():
    for given in ({}, {"conditions": ["rust"]}, {"conditions": "ball"}, {"state": "off"}):
        with pytest.raises(FieldError):
            alarm_pattern(given, CONDITIONS)
