"""Times in documents."""

from __future__ import annotations

from datetime import date
from functools import lru_cache


def iso_utc(unix_ns: int) -> str:
    """The time as ISO 8601 in UTC, cut to ms: `2026-01-01T00:00:00.000Z`."""
    seconds, milliseconds = divmod(unix_ns // 1_000_000, 1000)
    days, seconds = divmod(seconds, 86_400)
    return f"{_date(days)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}Z"


@lru_cache(maxsize=64)
def _date(days: int) -> str:
    """The date so many days after 1970-01-01."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + days).isoformat()
