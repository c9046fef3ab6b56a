"""The database: alarm states, votes, ingest cursors and the event journal, in one SQLite transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from drsn.agent.acquisition.continuity import Cursor
from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.storage.safe_file import is_odd
from drsn.agent.storage.state_dir import BESIDE
from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from drsn.agent.schema.documents import ReplyDocument

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS alarms (sensor TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (sensor TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL, at_unix_s INTEGER NOT NULL DEFAULT 0,
    UNIQUE (sensor, seq)
) STRICT;
CREATE TABLE IF NOT EXISTS replies (
    id INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, reply TEXT NOT NULL
) STRICT;
"""
SCHEMA_VERSION = "4"
EARLIER = ("1", "2", "3")
"""Versions that this one reads: what states have gained since has a default, and journals get their times. An agent
that knows only those refuses what this one writes, for it would forget what people have commanded."""

BUSY_S = 2.0
"""A backup or a curious shell may lock the database for so long; after that the agent goes on in memory."""

REPLIES = 1000
"""Answers that are kept, so that a command that comes twice is done once."""

JOURNAL_BYTES = 100_000_000
JOURNAL_S = 7 * 86_400
"""Published events older than this go; of a full journal the oldest ones go, published or not."""

SLACK_BYTES = 1_000_000
"""A full journal makes so much room at once: some thousand events later it is full again."""

_SENSOR = TypeAdapter(SensorState)
_CURSOR = TypeAdapter(Cursor)
_FILTERS = TypeAdapter(list[str])


class DamagedError(StorageError):
    """The file is there and can be read, but holds no database of ours."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the journal."""

    id: int
    sensor: str
    seq: int
    event: bytes
    """The document as it is published."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an earlier run left behind."""

    epoch: str
    sensors: dict[str, SensorState] = field(default_factory=dict)
    """Sensor -> its state; one without a condition was forgotten, and only its last `seq` is known."""
    cursors: dict[str, Cursor] = field(default_factory=dict)
    published_id: int = 0
    """The journal's cursor: every event up to it is with the broker."""
    last_id: int = 0
    """Of the journal's newest event that ever was."""
    commits: int = 0
    """Number of the last commit."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What one transaction writes."""

    sensors: Mapping[str, SensorState] = field(default_factory=dict)
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    entries: Sequence[Entry] = ()
    replies: Iterable[ReplyDocument] = ()
    published_id: int = 0
    number: int = 0
    """Of the commit."""

    @property
    def rows(self) -> int:
        """Of states, cursors and events."""
        return len(self.sensors) + len(self.cursors) + len(self.entries)


class Database:
    """One database file. Used by one thread at a time, under the lock of its directory.

    Args:
        path: of the file; made if it is missing.
        epoch: of a new one.

    Raises:
        DamagedError: it is no database of ours.
        StorageError: it can't be opened now.
        ConfigurationError: it is of a later version.
    """

    def __init__(self, path: Path, epoch: str) -> None:
        self._path = path
        self._db = self._open(epoch)
        self._bytes: int | None = None  # of the journal's events; not known before the first commit
        self._at_unix_s = 0

    @property
    def epoch(self) -> str:
        """Of its events' numbers."""
        with self._named_errors():
            return self._meta("epoch", "")

    def check(self) -> None:
        """Look through the whole file.

        Raises:
            DamagedError: a page of it is broken.
        """
        with self._named_errors():
            (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise DamagedError(f"{self._path}: {' '.join(str(found).split())}")

    def load(self) -> Snapshot:
        """All that was remembered."""
        with self._named_errors():
            newest = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal'").fetchone()
            published_id = int(self._meta("published", "0"))
            return Snapshot(
                epoch=self._meta("epoch", ""),
                sensors={n: _SENSOR.validate_json(s) for n, s in self._db.execute("SELECT sensor, state FROM alarms")},
                cursors={
                    n: _CURSOR.validate_json(c) for n, c in self._db.execute("SELECT sensor, cursor FROM cursors")
                },
                published_id=published_id,
                last_id=max(published_id, newest[0] if newest else 0),  # written anew, its journal may be empty
                commits=int(self._meta("commits", "0")),
            )

    def commit(self, changes: Changes) -> int:
        """Write it all or nothing; how many events went that no broker has, because the journal is full.

        Raises:
            StorageError: nothing was written.
        """
        with self._named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO alarms VALUES (?, ?) ON CONFLICT (sensor) DO UPDATE SET state = excluded.state",
                ((name, _text(_SENSOR, state)) for name, state in changes.sensors.items()),
            )
            self._db.executemany(
                "DELETE FROM cursors WHERE sensor = ?", ((n,) for n, s in changes.sensors.items() if not s.conditions)
            )
            self._db.executemany(
                "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (sensor) DO UPDATE SET cursor = excluded.cursor",
                ((name, _text(_CURSOR, cursor)) for name, cursor in changes.cursors.items()),
            )
            if changes.published_id:
                self._db.execute("UPDATE meta SET value = ? WHERE key = 'published'", (str(changes.published_id),))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('commits', ?)", (str(changes.number),))
            for reply in changes.replies:
                document = (reply.request_id, reply.model_dump_json())
                # A command that takes its time is answered anew.
                row = self._db.execute("INSERT OR REPLACE INTO replies (request_id, reply) VALUES (?, ?)", document)
                self._db.execute("DELETE FROM replies WHERE id <= ?", ((row.lastrowid or 0) - REPLIES,))
            return self._append(changes)

    def _append(self, changes: Changes) -> int:
        if self._bytes is None:
            (size, newest) = self._db.execute("SELECT sum(length(event)), max(at_unix_s) FROM journal").fetchone()
            self._bytes, self._at_unix_s = size or 0, newest or 0
        # Never back: the journal goes from its oldest end, and a clock that was set would leave a hole in it.
        now_unix_s = self._at_unix_s = max(int(time.time()), self._at_unix_s)
        size = self._bytes
        for entry in changes.entries:
            # Replaced is what a commit wrote whose failure was reported all the same.
            self._db.execute(
                "INSERT OR REPLACE INTO journal (id, sensor, seq, event, at_unix_s) VALUES (?, ?, ?, ?, ?)",
                (entry.id, entry.sensor, entry.seq, entry.event.decode(), now_unix_s),
            )
            size += len(entry.event)
        excess = size - JOURNAL_BYTES + SLACK_BYTES if size > JOURNAL_BYTES else 0
        going, freed, lost = 0, 0, 0
        for number, at, length in self._db.execute("SELECT id, at_unix_s, length(event) FROM journal ORDER BY id"):
            old = number <= changes.published_id and at < now_unix_s - JOURNAL_S
            if freed >= excess and not old:
                break
            going, freed, lost = number, freed + length, lost + (number > changes.published_id)
        if going:
            self._db.execute("DELETE FROM journal WHERE id <= ?", (going,))
        self._bytes = size - freed
        return lost

    def journal(self, after_id: int, limit: int) -> list[Entry]:
        """Events past `after_id`, oldest first."""
        with self._named_errors():
            rows = self._db.execute(
                "SELECT id, sensor, seq, event FROM journal WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit)
            )
            return [Entry(number, sensor, seq, event.encode()) for number, sensor, seq, event in rows]

    def events(self, sensor: str, from_seq: int, limit: int) -> list[Entry]:
        """Events of one sensor from `from_seq` on, oldest first."""
        with self._named_errors():
            rows = self._db.execute(
                "SELECT id, sensor, seq, event FROM journal WHERE sensor = ? AND seq >= ? ORDER BY seq LIMIT ?",
                (sensor, from_seq, limit),
            )
            return [Entry(number, name, seq, event.encode()) for number, name, seq, event in rows]

    def reply(self, request_id: str) -> bytes | None:
        """What a command was answered, if it was."""
        with self._named_errors():
            row = self._db.execute("SELECT reply FROM replies WHERE request_id = ?", (request_id,)).fetchone()
        return None if row is None else str(row[0]).encode()

    def abandoned(self, filters: Iterable[str]) -> tuple[str, ...]:
        """Topic filters of earlier runs that `filters` no longer has; the broker's session may still hold them."""
        with self._named_errors(), self._db:
            known = {*_FILTERS.validate_json(self._meta("filters", "[]")), *filters}
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('filters', ?)", (json.dumps(sorted(known)),))
        return tuple(sorted(known - set(filters)))

    def close(self) -> None:
        """Close the database; calling twice is fine."""
        self._db.close()

    def _open(self, epoch: str) -> sqlite3.Connection:
        self._look()
        with ExitStack() as on_failure:
            with self._named_errors():
                # isolation_level None: transactions begin where the code says so, not where the driver guesses.
                db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
                on_failure.callback(db.close)
                self._require_known(db)
                db.execute("PRAGMA journal_mode = WAL")
                # FULL, so that what was acknowledged to the broker survives a power cut.
                db.execute("PRAGMA synchronous = FULL")
                db.executescript(SCHEMA)
                for key, value in (("schema", SCHEMA_VERSION), ("epoch", epoch), ("published", "0")):
                    db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
                (version,) = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
                if version in EARLIER:
                    with db:
                        db.execute("BEGIN IMMEDIATE")
                        db.execute("ALTER TABLE journal ADD COLUMN at_unix_s INTEGER NOT NULL DEFAULT 0")
                        db.execute("UPDATE journal SET at_unix_s = ?", (int(time.time()),))
                        db.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (SCHEMA_VERSION,))
            on_failure.pop_all()
            return db

    def _look(self) -> None:
        """Refuse what is not ours to open: what a later version wrote, and what is no file and might never end."""
        for suffix in ("", "-journal", *BESIDE):
            if is_odd(path := self._path.with_name(f"{self._path.name}{suffix}")):
                raise StorageError(f"{path}: it is no plain file")
        # To open it as usual and close it again would fold its log into it. Read only, without a log, it is immutable
        # to SQLite, which else makes a new log. Whatever goes wrong here, the usual way says what it is.
        log = self._path.with_name(f"{self._path.name}{BESIDE[0]}")
        how = "" if log.exists() and log.stat().st_size else "&immutable=1"
        with suppress(sqlite3.Error):
            place = f"{self._path.absolute().as_uri()}?mode=ro{how}"
            with closing(sqlite3.connect(place, uri=True, timeout=0)) as db:
                self._require_known(db)

    def _require_known(self, db: sqlite3.Connection) -> None:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            return
        row = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        if row is not None and row[0] not in (*EARLIER, SCHEMA_VERSION):
            raise ConfigurationError(
                f"{self._path}: schema {row[0]}, this agent knows {SCHEMA_VERSION}; run the later version"
            )

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """The database's errors as ours."""
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            kind = DamagedError if _damaged(error) else StorageError
            raise kind(f"{self._path}: {error}") from None

    def _meta(self, key: str, default: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])


def _text(kind: TypeAdapter[Any], value: SensorState | Cursor) -> str:
    """As JSON without what is as it always is: a healthy sensor's state takes 217 bytes instead of 2,389.

    A default that changes is therefore a new schema.
    """
    return kind.dump_json(value, exclude_defaults=True, by_alias=True).decode()


def _damaged(error: sqlite3.Error | ValueError) -> bool:
    """Whether the file's content is at fault, not the disk under it.

    SQLITE_CORRUPT and SQLITE_NOTADB come as a bare DatabaseError (CPython's `_pysqlite_seterror`); a row that holds
    what we never wrote is a ValueError, and a table or text that does an OperationalError like those of disks.
    """
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith(("no such ", "table ", "Could not decode"))
    return type(error) in (sqlite3.DatabaseError, sqlite3.IntegrityError) or isinstance(error, ValueError)
