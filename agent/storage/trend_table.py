"""The table of trends: one row for each hour and each day of a sensor, the oldest deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drsn.agent.monitoring.trend_record import merged, record_of, stored_form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

HOUR_S: Final = 3600
DAY_S: Final = 86_400

KEPT_S: Final = {HOUR_S: 14 * DAY_S, DAY_S: 730 * DAY_S}
"""Seconds of a row -> how long it is kept: 336 hours and 730 days, 0.2 MB a sensor at most."""


@dataclass(frozen=True, slots=True)
class TrendRow:
    """What was measured of a sensor in a part of an hour."""

    sensor: str
    hour_unix_s: int
    """Start of the hour."""
    record: NDArray[np.float64]
    """As `trend_record` has it."""


class StoredTrend(NamedTuple):
    """One hour or day of a sensor."""

    seconds: int
    """`HOUR_S` or `DAY_S`."""
    start_unix_s: int
    record: NDArray[np.float64]


_ONE: Final = "SELECT record FROM trends WHERE sensor = ? AND seconds = ? AND start_unix_s = ?"
_DELETE_OLD: Final = "DELETE FROM trends WHERE sensor = ? AND seconds = ? AND start_unix_s < ?"


def write(execute: Callable[..., Any], rows: Iterable[TrendRow]) -> None:
    """Add rows to their hour and day, within a transaction, and delete what is older than is kept.

    Args:
        execute: runs a statement with its parameters, and returns its cursor.
        rows: a row that is written twice counts twice in its means.
    """
    for row in rows:
        for seconds, kept_s in KEPT_S.items():
            key = (row.sensor, seconds, row.hour_unix_s // seconds * seconds)
            found = execute(_ONE, key).fetchone()
            record = row.record if found is None else merged(record_of(found[0]), row.record)
            execute("INSERT OR REPLACE INTO trends VALUES (?, ?, ?, ?)", (*key, stored_form(record)))
            oldest = row.hour_unix_s - kept_s
            execute(_DELETE_OLD, (*key[:2], oldest))


def read(execute: Callable[..., Any], sensor: str) -> list[StoredTrend]:
    """All rows of a sensor, the oldest first."""
    statement = "SELECT seconds, start_unix_s, record FROM trends WHERE sensor = ? ORDER BY seconds, start_unix_s"
    return [StoredTrend(seconds, start, record_of(record)) for seconds, start, record in execute(statement, (sensor,))]
