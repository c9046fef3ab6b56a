from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.iso8601 import NoOffsetError, named_zone, unix_ns

NEW_YEAR_NS = 1_767_225_600_000_000_000
FIRST, LAST = (datetime.fromisoformat(text) for text in ("1970-01-02", "2200-01-01"))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


MOMENTS = st.datetimes(FIRST, LAST, timezones=ZONES)


@given(MOMENTS, st.sampled_from("T t"))
def test_a_moment_is_read_from_what_python_writes(moment: datetime, separator: str):
    whole = (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    assert unix_ns(moment.isoformat(separator)) == whole * 1000


@pytest.mark.parametrize(
    ("text", "late_ns"),
    [
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01 00:00:00z", 0),
        ("20260101T000000Z", 0),
        ("2026-01-01T00:00Z", 0),
        ("2026-01-01T00:00:00.1234567Z", 123_456_700),
        ("2026-01-01T00:00:00,123456789012Z", 123_456_789),
        ("2026-01-01T00:00:00.5+0000", 500_000_000),
        ("2026-01-01T02:00:00+02", 0),
        ("2025-12-31T18:30:00-05:30", 0),
    ],
)
def test_each_form_is_read(text: str, late_ns: int):
    assert unix_ns(text) == NEW_YEAR_NS + late_ns


@pytest.mark.parametrize(
    "text", ["", "2026-01-01", "2026-W01-1T00:00Z", "2026-13-01T00:00Z", "2026-0101T00:00Z", "2026-01-01T25:00Z",
             "x" * 999, "2026-01-01T00:00:00+25:00", "٢٠٢٦-01-01T00:00Z"]
)  # fmt: skip
def test_everything_else_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        unix_ns(text)


def test_a_time_without_an_offset_needs_a_zone():
    with pytest.raises(NoOffsetError):
        unix_ns("2026-01-01T00:00:00")
    assert unix_ns("2026-01-01T01:00:00", "Europe/Berlin") == NEW_YEAR_NS
    for name in ("Mars/Olympus", "../etc/passwd", "Europe"):
        with pytest.raises(ValueError, match="is no time zone of this machine"):
            named_zone(name)
