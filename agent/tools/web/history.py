"""The page's own history in SQLite: a row a minute of each sensor, and the events. Used by one thread alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.tools.web.json_text import json_text
from drsn.agent.tools.web.minutes import MinuteRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

NAME: Final = "history.db"
VERSION: Final = 1

MAX_MINUTES: Final = 5_000_000
"""Rows of minutes: 115 sensors for 30 days, about 200 MB. With more, the oldest are deleted before their time."""

MAX_EVENTS: Final = 50_000
"""Events, of about 1 kB each."""

MAX_POINTS: Final = 1000
"""Points of a trend; more are merged."""

BUSY_S: Final = 1.0

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sensor (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS minute (
    sensor INTEGER NOT NULL, minute INTEGER NOT NULL, results INTEGER NOT NULL, rms_sum REAL NOT NULL,
    rms_max REAL NOT NULL, velocity REAL, PRIMARY KEY (sensor, minute)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    id TEXT PRIMARY KEY, sensor TEXT NOT NULL, at TEXT NOT NULL, received INTEGER NOT NULL, document TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_received ON event (received);
CREATE INDEX IF NOT EXISTS event_at ON event (at);
CREATE INDEX IF NOT EXISTS event_sensor ON event (sensor, at);
"""

_ADD_MINUTE: Final = """
INSERT INTO minute VALUES ((SELECT id FROM sensor WHERE name = ?), ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET results = results + excluded.results, rms_sum = rms_sum + excluded.rms_sum,
    rms_max = max(rms_max, excluded.rms_max), velocity = coalesce(excluded.velocity, velocity)
"""

_SELECT_MINUTES: Final = """
SELECT name, minute, results, rms_sum, rms_max, velocity FROM minute JOIN sensor ON sensor.id = minute.sensor
WHERE minute >= ?
"""


class HistoryError(Exception):
    """The disk or the file failed; the text is one line."""


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """Bounds of the history."""

    days: float
    minutes: int = MAX_MINUTES
    events: int = MAX_EVENTS


class History:
    """The database.

    Args:
        path: its file; None: in memory.
        limits: its bounds.

    Raises:
        HistoryError: it can't be opened.
    """

    def __init__(self, path: Path | None, limits: HistoryLimits) -> None:
        self._limits = limits
        self._known: set[str] = set()
        with _errors():
            self._database = sqlite3.connect(
                ":memory:" if path is None else path, timeout=BUSY_S, check_same_thread=False, isolation_level=None
            )
            try:
                self._prepare()
            except sqlite3.Error:
                self._database.close()
                raise

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):
            self._database.close()

    def write(self, minutes: Sequence[MinuteRow], events: Sequence[dict[str, Any]], now_unix_s: float) -> None:
        """Write in one transaction: all, or nothing.

        Args:
            minutes: rows; those of a minute that is there are added to it.
            events: documents; one that is there is left as it is.
            now_unix_s: when the events have come.

        Raises:
            HistoryError: nothing is written.
        """
        new = {row.sensor for row in minutes} - self._known
        with _errors():
            self._begin()
            try:
                execute = self._database.executemany
                execute("INSERT OR IGNORE INTO sensor (name) VALUES (?)", [(name,) for name in new])
                execute(_ADD_MINUTE, minutes)
                execute(
                    "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?)",
                    [
                        (e["event_id"], e["sensor"], e.get("decided_at", ""), int(now_unix_s), json_text(e))
                        for e in events
                    ],
                )
                self._database.execute("COMMIT")
            except sqlite3.Error:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
        self._known |= new

    def trim(self, now_unix_s: float) -> None:
        """Delete what is older than its days, and the oldest of what is too much.

        Raises:
            HistoryError: it is not deleted.
        """
        oldest = int(now_unix_s // 60 - self._limits.days * 1440)
        with _errors():
            self._database.execute("DELETE FROM minute WHERE minute < ?", (oldest,))
            while self._one("SELECT count(*) FROM minute") > self._limits.minutes:
                first, last = self._database.execute("SELECT min(minute), max(minute) FROM minute").fetchone()
                self._database.execute("DELETE FROM minute WHERE minute <= ?", (first + (last - first) // 10,))
            self._database.execute("DELETE FROM event WHERE received < ?", (oldest * 60,))
            too_many = self._one("SELECT count(*) FROM event") - self._limits.events
            self._database.execute(
                "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY received LIMIT ?)", (max(0, too_many),)
            )

    def since(self, minute: int) -> list[MinuteRow]:
        """The rows of all sensors from a minute on, oldest first.

        Raises:
            HistoryError: they can't be read.
        """
        with _errors():
            rows = self._database.execute(f"{_SELECT_MINUTES} ORDER BY minute", (minute,))
            return [MinuteRow(*row) for row in rows]

    def trend(self, sensor: str, hours: float, now_unix_s: float, more: Sequence[MinuteRow] = ()) -> dict[str, Any]:
        """The RMS and velocity of a sensor, at most `MAX_POINTS` points.

        Args:
            sensor: its id.
            hours: up to now.
            now_unix_s: seconds since 1970.
            more: rows that are not written yet.

        Raises:
            HistoryError: they can't be read.
        """
        first = int(now_unix_s // 60 - hours * 60)
        with _errors():
            rows = self._database.execute(f"{_SELECT_MINUTES} AND name = ? ORDER BY minute", (first, sensor)).fetchall()
        found = [MinuteRow(*row) for row in rows] + [row for row in more if row.minute >= first]
        return downsampled(found, step=max(1, -int(-hours * 60 // MAX_POINTS)))

    def events(self, sensor: str | None, limit: int) -> list[dict[str, Any]]:
        """Events, newest first, of one sensor or of all.

        Raises:
            HistoryError: they can't be read.
        """
        where, values = ("", ()) if sensor is None else ("WHERE sensor = ?", (sensor,))
        with _errors():
            rows = self._database.execute(
                f"SELECT document FROM event {where} ORDER BY at DESC LIMIT ?",  # noqa: S608 (no text from outside)
                (*values, limit),
            ).fetchall()
        return [json.loads(text) for (text,) in rows]

    def _prepare(self) -> None:
        version = self._one("PRAGMA user_version")
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"written by another version ({version}); move the file away")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(SCHEMA)
        self._database.execute(f"PRAGMA user_version = {VERSION}")

    def _begin(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._database.execute("BEGIN IMMEDIATE")

    def _one(self, query: str) -> int:
        with closing(self._database.execute(query)) as cursor:
            return int(cursor.fetchone()[0])


def downsampled(rows: Iterable[MinuteRow], step: int) -> dict[str, Any]:
    """Merge rows of so many minutes to one point: mean and maximum of the RMS, last velocity.

    Returns:
        `t` (s since 1970, the middle), `rms`, `rms_max`, `velocity_mm_s`, `step_s`.
    """
    points: dict[int, list[Any]] = {}
    for row in rows:
        point = points.setdefault(row.minute // step, [0, 0.0, 0.0, None])
        point[0] += row.results
        point[1] += row.rms_sum
        point[2] = max(point[2], row.rms_max)
        point[3] = point[3] if row.velocity_mm_s is None else row.velocity_mm_s
    ordered = sorted(points.items())
    return {
        "t": [(number + 0.5) * step * 60 for number, _ in ordered],
        "rms": [float(f"{point[1] / point[0]:.5g}") for _, point in ordered],
        "rms_max": [float(f"{point[2]:.5g}") for _, point in ordered],
        "velocity_mm_s": [point[3] for _, point in ordered],
        "step_s": step * 60,
    }


@contextmanager
def _errors() -> Iterator[None]:
    """Turn the errors of SQLite and of the disk into `HistoryError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise HistoryError(" ".join(str(error).split())) from error


def set_aside(path: Path) -> Iterator[Path]:
    """Rename a damaged database and its companions; yields the new names."""
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            yield old.replace(old.with_name(old.name + ".damaged"))
