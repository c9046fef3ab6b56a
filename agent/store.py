"""What the agent remembers: alarm states, votes, ingest cursors and the event journal, in one SQLite transaction."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from drsn.agent.alarms import Sensor
from drsn.agent.continuity import Cursor
from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from drsn.agent.documents import EventDocument, ReplyDocument

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS alarms (sensor TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (sensor TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL,
    UNIQUE (sensor, seq)
) STRICT;
CREATE TABLE IF NOT EXISTS replies (
    id INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, reply TEXT NOT NULL
) STRICT;
"""
SCHEMA_VERSION = "3"
EARLIER = ("1", "2")
"""Versions that this one reads as they are: what states have gained since has a default. An agent that knows only those
refuses what this one writes, for it would forget evidence, gates, suppressions and what people have commanded."""

BUSY_S = 15.0
"""A backup or a curious shell may lock the database for so long; the watchdog allows twice that."""

REPLIES = 1000
"""Answers that are kept, so that a command that comes twice is done once."""

JOURNAL_ROWS = 100_000
"""Events that are kept, about 100 MB; the oldest published ones go first."""

_SENSOR = TypeAdapter(Sensor)
_CURSOR = TypeAdapter(Cursor)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the journal."""

    id: int
    sensor: str
    event: bytes
    """The document as it is published."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an earlier run left behind."""

    epoch: str
    sensors: dict[str, Sensor] = field(default_factory=dict)
    cursors: dict[str, Cursor] = field(default_factory=dict)


class Store:
    """The agent's memory in `state_dir`, locked against a second agent. Used by one thread.

    Raises:
        ConfigurationError: another agent has the directory, or it is of a later version.
        StorageError: the directory or the database can't be used.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "agent.sqlite3"
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"state directory {state_dir}: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise ConfigurationError(f"state directory {state_dir}: another agent uses it; give each its own") from None
        except OSError as error:
            os.close(self._lock)
            raise StorageError(f"state directory {state_dir}: it can't be locked ({error.strerror})") from None
        try:
            self._db = self._open()
        except BaseException:
            os.close(self._lock)
            raise

    def load(self) -> Snapshot:
        """All that was remembered."""
        try:
            return Snapshot(
                epoch=self._meta("epoch", ""),
                sensors={n: _SENSOR.validate_json(s) for n, s in self._db.execute("SELECT sensor, state FROM alarms")},
                cursors={
                    n: _CURSOR.validate_json(c) for n, c in self._db.execute("SELECT sensor, cursor FROM cursors")
                },
            )
        except (sqlite3.Error, ValueError) as error:
            raise StorageError(f"{self._path}: {error}; move it away to start anew") from None

    def commit(
        self,
        sensors: Mapping[str, Sensor],
        cursors: Mapping[str, Cursor],
        events: Iterable[EventDocument],
        replies: Iterable[ReplyDocument] = (),
    ) -> None:
        """Write states, cursors, events and what was answered, all or nothing.

        Raises:
            StorageError: nothing was written.
        """
        with self._named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO alarms VALUES (?, ?) ON CONFLICT (sensor) DO UPDATE SET state = excluded.state",
                ((name, _SENSOR.dump_json(state).decode()) for name, state in sensors.items()),
            )
            self._db.executemany(
                "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (sensor) DO UPDATE SET cursor = excluded.cursor",
                ((name, _CURSOR.dump_json(cursor).decode()) for name, cursor in cursors.items()),
            )
            self._db.executemany(
                "INSERT INTO journal (sensor, seq, event) VALUES (?, ?, ?)",
                ((event.sensor, event.seq, event.model_dump_json()) for event in events),
            )
            for reply in replies:
                document = (reply.request_id, reply.model_dump_json())
                # A command that takes its time is answered anew.
                row = self._db.execute("INSERT OR REPLACE INTO replies (request_id, reply) VALUES (?, ?)", document)
                self._db.execute("DELETE FROM replies WHERE id <= ?", ((row.lastrowid or 0) - REPLIES,))

    def journal(self, after_id: int, limit: int) -> list[Entry]:
        """Events past `after_id`, oldest first."""
        with self._named_errors():
            rows = self._db.execute(
                "SELECT id, sensor, event FROM journal WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit)
            )
            return [Entry(number, sensor, event.encode()) for number, sensor, event in rows]

    def events(self, sensor: str, from_seq: int, limit: int) -> list[bytes]:
        """Events of one sensor from `from_seq` on, oldest first, as they were published."""
        with self._named_errors():
            rows = self._db.execute(
                "SELECT event FROM journal WHERE sensor = ? AND seq >= ? ORDER BY seq LIMIT ?",
                (sensor, from_seq, limit),
            )
            return [event.encode() for (event,) in rows]

    def reply(self, request_id: str) -> bytes | None:
        """What a command was answered, if it was."""
        with self._named_errors():
            row = self._db.execute("SELECT reply FROM replies WHERE request_id = ?", (request_id,)).fetchone()
        return None if row is None else str(row[0]).encode()

    def unpublished(self) -> int:
        """Events that no broker has confirmed."""
        with self._named_errors():
            (count,) = self._db.execute("SELECT count(*) FROM journal WHERE id > ?", (self.published_id,)).fetchone()
        return int(count)

    @property
    def published_id(self) -> int:
        """The journal's cursor: every event up to it is with the broker."""
        with self._named_errors():
            return int(self._meta("published", "0"))

    def mark_published(self, up_to_id: int) -> None:
        """Move the journal's cursor, and let the oldest published events go."""
        with self._named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'published'", (str(up_to_id),))
            self._db.execute("DELETE FROM journal WHERE id <= ?", (up_to_id - JOURNAL_ROWS,))

    def abandoned(self, filters: Iterable[str]) -> tuple[str, ...]:
        """Topic filters of earlier runs that `filters` no longer has; the broker's session may still hold them."""
        with self._named_errors(), self._db:
            known = {*json.loads(self._meta("filters", "[]")), *filters}
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('filters', ?)", (json.dumps(sorted(known)),))
        return tuple(sorted(known - set(filters)))

    def close(self) -> None:
        """Close the database, then let the directory go; calling twice is fine."""
        self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _open(self) -> sqlite3.Connection:
        with ExitStack() as on_failure:
            try:
                # isolation_level None: transactions begin where the code says so, not where the driver guesses.
                db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
                on_failure.callback(db.close)
                db.execute("PRAGMA journal_mode = WAL")
                # FULL, so that what was acknowledged to the broker survives a power cut.
                db.execute("PRAGMA synchronous = FULL")
                db.executescript(SCHEMA)
                for key, value in (
                    ("schema", SCHEMA_VERSION),
                    ("epoch", uuid.uuid4().hex[:8]),
                    ("published", "0"),
                ):
                    db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
                (version,) = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
            except sqlite3.Error as error:
                raise StorageError(f"{self._path}: {error}; move it away to start anew") from None
            if version in EARLIER:
                db.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (SCHEMA_VERSION,))
            elif version != SCHEMA_VERSION:
                raise ConfigurationError(f"{self._path}: schema {version}, this agent knows {SCHEMA_VERSION}")
            on_failure.pop_all()
            return db

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """The database's errors as ours."""
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            raise StorageError(f"{self._path}: {error}; if it is damaged, move it away to start anew") from None

    def _meta(self, key: str, default: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])
