"""Times in ISO 8601, the same on every Python: `datetime.fromisoformat` of 3.10 refuses what that of 3.11 accepts.

Accepted: the calendar date with a time of day, extended (`2026-11-30T06:00:00`) or basic (`20261130T060000`), a `T` or
a space between them, any number of digits of a second behind a point or a comma, and the offset `Z`, `+01`, `+0100` or
`+01:00`. Seconds may be left out. Weeks, ordinal dates and dates without a time are refused.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import tzinfo

MAX_CHARS: Final = 64
"""Characters of a time, at most; far above every real one. It bounds the work of the regular expression."""

_FORM: Final = re.compile(
    r"\s*(\d{4})(-?)(\d\d)\2(\d\d)[Tt ](\d\d)(?:(:?)(\d\d)(?:\6(\d\d)(?:[.,](\d+))?)?)?"
    r"\s?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?\s*",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


class NoOffsetError(ValueError):
    """The time has no offset from UTC, and no time zone is configured."""


def unix_ns(text: str, zone: str | None = None) -> int:
    """Return the time in ns since 1970.

    Args:
        text: the time.
        zone: name of the IANA time zone of a time without an offset, such as `Europe/Berlin`.

    Raises:
        NoOffsetError: the time has no offset, and `zone` is None.
        ValueError: the text is no such time, or no date of the calendar.
    """
    found = _FORM.fullmatch(text) if len(text) <= MAX_CHARS else None
    if found is None:
        raise ValueError(f"{text[:40]!r} is not an ISO 8601 time such as 2026-11-30T06:00:00.250Z")
    year, _, month, day, hour, _, minute, second, fraction, utc, sign, offset_h, offset_min = found.groups()
    moment = datetime(
        int(year), int(month), int(day), int(hour), int(minute or 0), int(second or 0),
        tzinfo=_zone(utc, sign, offset_h, offset_min, zone),
    )  # fmt: skip
    since = moment - _EPOCH
    nanoseconds = int((fraction or "0")[:9].ljust(9, "0"))
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + nanoseconds


def _zone(utc: str | None, sign: str | None, hours: str | None, minutes: str | None, zone: str | None) -> tzinfo:
    if utc is not None:
        return timezone.utc
    if sign is not None:
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return timezone(-offset if sign == "-" else offset)
    if zone is None:
        raise NoOffsetError("has no offset from UTC")
    return named_zone(zone)


@cache
def named_zone(name: str) -> ZoneInfo:
    """Return the time zone of this IANA name.

    Raises:
        ValueError: this machine has no such time zone.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; OSError: the name of a folder
        raise ValueError(f"{name[:60]!r} is no time zone of this machine, such as Europe/Berlin") from None
