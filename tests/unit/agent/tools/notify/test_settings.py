from __future__ import annotations

from datetime import datetime, timezone

import pytest
from pydantic import ValidationError

from drsn.agent.tools.notify.quiet_hours import QuietHours, is_quiet
from drsn.agent.tools.notify.settings import NotifySection, check_entries
from drsn.model.contract import Severity

MAIL = {"kind": "email", "url": "smtps://mail.example.org", "sender": "drsn@example.org", "to": ["ana@example.org"]}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"url": None}, "give url or url_file"),
        ({"url": "https://h/", "url_file": "u"}, "and not both"),
        ({"url": "ftp://h/"}, "is not https://host"),
        ({"url": "https://user:secret@h/"}, "contains credentials"),
        ({"url": "https://h/\u00e9"}, "is not https://host"),
        ({"escalate_after_s": 600}, "need each other"),
        ({"template": "nonsense"}, "nor JSON text"),
        ({"template": '{"a": "{nothing}"}'}, "{nothing} has no value"),
        ({"template": "ntfy"}, "{topic} has no value"),
        ({"to": ["ana@example.org"]}, "an entry of kind webhook has no such setting"),
        ({**MAIL, "sender": None}, "needs sender and to"),
        ({**MAIL, "to": ["ana@example.org\nBcc: all@example.org"]}, "is not an e-mail address"),
        ({**MAIL, "username": "u"}, "username and password_file need each other"),
        ({**MAIL, "template": "slack"}, "an entry of kind email has no such setting"),
        ({"quiet": {"start": "22:00", "end": "22:00"}}, "same time"),
        ({"quiet": {"start": "22:00", "end": "06:00", "time_zone": "../etc"}}, "is not a time zone"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused_without_the_secret(settings, reason):
    with pytest.raises(ValidationError) as error:
        NotifySection(name="a", **{"kind": "webhook", "url": "https://h/", **settings})
    found = error.value.errors(include_url=False, include_input=False)[0]["msg"]
    assert reason in found
    assert "secret" not in found


def test_the_entries_fit_together(entry):
    check_entries([entry("a", escalate_after_s=60, escalate_to="b"), entry("b")])
    for entries, reason in (
        ([entry("a"), entry("a")], "occurs twice"),
        ([entry("a", escalate_after_s=60, escalate_to="a")], "no other entry"),
        ([entry("a", escalate_after_s=60, escalate_to="c")], "no other entry"),
        ([entry(f"n{n}") for n in range(33)], "more than 32"),
    ):
        with pytest.raises(ValueError, match=reason):
            check_entries(entries)


@pytest.mark.parametrize(
    ("clock", "severity", "wanted"),
    [
        ("21:59", "major", False),
        ("22:00", "major", True),
        ("05:59", "minor", True),
        ("06:00", "major", False),
        ("23:00", "critical", False),
    ],
)
@pytest.mark.parametrize(("month", "offset_h"), [(1, 1), (7, 2)])
def test_quiet_hours_are_local_in_winter_and_in_summer(clock, severity, wanted, month, offset_h):
    night = QuietHours(start="22:00", end="06:00", time_zone="Europe/Berlin")
    hour, minute = map(int, clock.split(":"))
    unix_s = datetime(2026, month, 5, hour, minute, tzinfo=timezone.utc).timestamp() - 3600 * offset_h
    assert is_quiet(night, Severity(severity), unix_s) is wanted
    assert not is_quiet(None, Severity(severity), unix_s)


def test_quiet_hours_may_lie_within_a_day():
    noon = QuietHours(start="12:00", end="13:00", let_through="major")
    at = datetime(2026, 1, 1, 12, 30, tzinfo=timezone.utc).timestamp()
    assert [is_quiet(noon, severity, at) for severity in Severity] == [True, False, False]
    assert not is_quiet(noon, Severity.MINOR, at + 3600)
