"""Times in documents."""

from __future__ import annotations

from datetime import datetime, timezone


def iso_utc(unix_ns: int) -> str:
    """The time as ISO 8601 in UTC, cut to ms: `2026-01-01T00:00:00.000Z`."""
    seconds, rest_ns = divmod(unix_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc).replace(microsecond=rest_ns // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
