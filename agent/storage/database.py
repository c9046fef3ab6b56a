"""The SQLite database: alarm states, votes, ingest cursors and the event journal, written in one transaction."""

from __future__ import annotations

import json
import sqlite3
import struct
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from drsn.agent.acquisition.continuity import Cursor
from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.decision.counters import merged
from drsn.agent.storage import ageing_table, trend_table
from drsn.agent.storage.database_schema import EARLIER_VERSIONS, SCHEMA, SCHEMA_VERSION, upgrade
from drsn.agent.storage.safe_file import is_special
from drsn.agent.storage.state_dir import SQLITE_SUFFIXES
from drsn.agent.storage.stored_json import adapter, stored_json
from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from drsn.agent.schema.documents import ReplyDocument
    from drsn.agent.storage.ageing_table import AgeingRow
    from drsn.agent.storage.trend_table import TrendRow

Found = TypeVar("Found")

BUSY_S = 0.4
"""Wait for another process that has locked the database, such as a shell; after that the agent goes on in memory. The
first commit waits for it, and the first attempt to write again: together less than the time that the disk has
(`limits.TIMEOUT_S`)."""

MAX_REPLIES = 1000
"""Replies that are kept, so that a command that comes twice is executed once."""

JOURNAL_BYTES = 100_000_000

RETENTION_S = 7 * 86_400
"""Published events older than this are deleted; of a full journal the oldest are, published or not."""

SLACK_BYTES = 1_000_000
"""A full journal frees so much at once, so that it is full again some thousand events later."""


class DamagedError(StorageError):
    """The file can be read, but is no valid database of the agent."""


class LockedError(StorageError):
    """Another process has locked the database for longer than `DatabaseLimits.busy_s`."""


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """Bounds and waits of a database."""

    busy_s: float = BUSY_S
    max_replies: int = MAX_REPLIES
    journal_bytes: int = JOURNAL_BYTES
    slack_bytes: int = SLACK_BYTES
    retention_s: float = RETENTION_S


DEFAULT_LIMITS = DatabaseLimits()


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
    """The state that an earlier run left."""

    epoch: str
    sensors: dict[str, SensorState] = field(default_factory=dict)
    """Sensor -> state; a state without conditions is of a forgotten sensor, and has only its last `seq`."""
    cursors: dict[str, Cursor] = field(default_factory=dict)
    published_id: int = 0
    """The journal's cursor: the broker has confirmed every event up to it."""
    last_id: int = 0
    """Highest event id that was ever used."""
    commits: int = 0
    """Number of the last commit."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The content of one transaction."""

    sensors: Mapping[str, SensorState] = field(default_factory=dict)
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    entries: Sequence[Entry] = ()
    replies: Iterable[ReplyDocument] = ()
    published_id: int = 0
    """The journal's cursor; 0: unchanged."""
    commit_number: int = 0
    counters: Mapping[str, bytes] = field(default_factory=dict)
    """Sensor -> record of its counters. A state in `sensors` with a record here is the cold part of the state; a sensor
    that is here alone has only new counters."""
    trends: Sequence[TrendRow] = ()
    ageing: Sequence[AgeingRow] = ()

    @property
    def rows(self) -> int:
        """Number of states, cursors, events, trends and aged baselines."""
        states = self.sensors.keys() | self.counters.keys()
        return len(states) + len(self.cursors) + len(self.entries) + len(self.trends) + len(self.ageing)


class Database:
    """One database file. Used by one thread at a time, under the lock of its directory.

    Args:
        path: of the file; made if it is missing.
        epoch: of a new database.
        limits: bounds and waits.
        clock: wall clock, in s.

    Raises:
        DamagedError: it is no valid database of the agent.
        StorageError: it can't be opened now.
        ConfigurationError: it is of a later version.
    """

    def __init__(
        self,
        path: Path,
        epoch: str,
        limits: DatabaseLimits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._limits = limits
        self._clock = clock
        self._db = self._open(epoch)
        self._journal_bytes: int | None = None  # of the journal's events; unknown before the first commit
        self._at_unix_s = 0  # of the newest event

    @property
    def epoch(self) -> str:
        """Identifies the history that the event numbers belong to."""
        with self._named_errors():
            return _meta(self._db, "epoch", "")

    def check(self) -> None:
        """Check the whole file.

        Raises:
            DamagedError: a page is damaged.
        """
        with self._named_errors():
            (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise DamagedError(f"{self._path}: {' '.join(str(found).split())}")

    def load(self) -> Snapshot:
        """Read the saved state."""
        with self._named_errors():
            newest = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal'").fetchone()
            published_id = int(_meta(self._db, "published", "0"))
            return Snapshot(
                epoch=_meta(self._db, "epoch", ""),
                sensors={
                    name: _state(state, counters)
                    for name, state, counters in self._db.execute("SELECT sensor, state, counters FROM alarms")
                },
                cursors={
                    n: adapter(Cursor).validate_json(c)
                    for n, c in self._db.execute("SELECT sensor, cursor FROM cursors")
                },
                published_id=published_id,
                last_id=max(published_id, newest[0] if newest else 0),  # a rewritten database may have no event
                commits=int(_meta(self._db, "commits", "0")),
            )

    def commit(self, changes: Changes) -> int:
        """Write all changes or none; return the number of unpublished events that a full journal deleted.

        Raises:
            StorageError: SQLite reports that nothing was written.
        """
        with self._named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            _write_states(self._db, changes)
            forgotten = [(name,) for name, state in changes.sensors.items() if not state.conditions]
            self._db.executemany("DELETE FROM cursors WHERE sensor = ?", forgotten)
            self._db.executemany("DELETE FROM trends WHERE sensor = ?", forgotten)
            self._db.executemany("DELETE FROM ageing WHERE sensor = ?", forgotten)
            trend_table.write(self._db.execute, changes.trends)
            ageing_table.write(self._db.executemany, changes.ageing)
            self._db.executemany(
                "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (sensor) DO UPDATE SET cursor = excluded.cursor",
                ((name, stored_json(Cursor, cursor)) for name, cursor in changes.cursors.items()),
            )
            if changes.published_id:
                self._db.execute("UPDATE meta SET value = ? WHERE key = 'published'", (str(changes.published_id),))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('commits', ?)", (str(changes.commit_number),))
            for reply in changes.replies:
                document = (reply.request_id, reply.model_dump_json())
                # The last reply to a pending command replaces the first.
                row = self._db.execute("INSERT OR REPLACE INTO replies (request_id, reply) VALUES (?, ?)", document)
                self._db.execute(
                    "DELETE FROM replies WHERE id <= ?", ((row.lastrowid or 0) - self._limits.max_replies,)
                )
            return self._append(changes)

    def _append(self, changes: Changes) -> int:
        if self._journal_bytes is None:
            (size, newest) = self._db.execute("SELECT sum(length(event)), max(at_unix_s) FROM journal").fetchone()
            self._journal_bytes, self._at_unix_s = size or 0, newest or 0
        # Never decreasing: events are deleted from the oldest id on, and a clock that is set back would stop that.
        now_unix_s = self._at_unix_s = max(int(self._clock()), self._at_unix_s)
        size = self._journal_bytes
        for entry in changes.entries:
            # REPLACE: an earlier commit may have written the event and was reported as failed all the same.
            self._db.execute(
                "INSERT OR REPLACE INTO journal (id, sensor, seq, event, at_unix_s) VALUES (?, ?, ?, ?, ?)",
                (entry.id, entry.sensor, entry.seq, entry.event.decode(), now_unix_s),
            )
            size += len(entry.event)
        limits = self._limits
        excess = size - limits.journal_bytes + limits.slack_bytes if size > limits.journal_bytes else 0
        last_deleted, freed, unpublished = 0, 0, 0
        for number, at, length in self._db.execute("SELECT id, at_unix_s, length(event) FROM journal ORDER BY id"):
            expired = number <= changes.published_id and at < now_unix_s - limits.retention_s
            if freed >= excess and not expired:
                break
            last_deleted, freed = number, freed + length
            unpublished += number > changes.published_id
        if last_deleted:
            self._db.execute("DELETE FROM journal WHERE id <= ?", (last_deleted,))
        self._journal_bytes = size - freed
        return unpublished

    def read(self, after_id: int, limit: int) -> list[Entry]:
        """Read the events after `after_id`, oldest first."""
        with self._named_errors():
            rows = self._db.execute(
                "SELECT id, sensor, seq, event FROM journal WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit)
            )
            return [Entry(number, sensor, seq, event.encode()) for number, sensor, seq, event in rows]

    def events(self, sensor: str, from_seq: int, limit: int) -> list[Entry]:
        """Read the events of one sensor from `from_seq` on, oldest first."""
        with self._named_errors():
            rows = self._db.execute(
                "SELECT id, sensor, seq, event FROM journal WHERE sensor = ? AND seq >= ? ORDER BY seq LIMIT ?",
                (sensor, from_seq, limit),
            )
            return [Entry(number, name, seq, event.encode()) for number, name, seq, event in rows]

    def reply(self, request_id: str) -> bytes | None:
        """The saved reply to a command, as JSON; None: there is none."""
        with self._named_errors():
            row = self._db.execute("SELECT reply FROM replies WHERE request_id = ?", (request_id,)).fetchone()
        return None if row is None else str(row[0]).encode()

    def query(self, read: Callable[[Callable[..., sqlite3.Cursor]], Found]) -> Found:
        """Read from a table that has a module of its own: `ageing_table`, `trend_table`."""
        with self._named_errors():
            return read(self._db.execute)

    def abandoned(self, filters: Iterable[str]) -> tuple[str, ...]:
        """Save `filters`; return those of earlier runs that are no longer used, but may still be in the session."""
        with self._named_errors(), self._db:
            known = {*adapter(list[str]).validate_json(_meta(self._db, "filters", "[]")), *filters}
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('filters', ?)", (json.dumps(sorted(known)),))
        return tuple(sorted(known - set(filters)))

    def stop_waiting(self) -> None:
        """From now on a call fails at once while another process has the lock."""
        with self._named_errors():
            self._db.execute("PRAGMA busy_timeout = 0")

    def close(self) -> None:
        """Close the database; a second call does nothing."""
        self._db.close()

    def _open(self, epoch: str) -> sqlite3.Connection:
        self._refuse_foreign()
        with ExitStack() as on_failure:
            with self._named_errors():
                # isolation_level None: transactions begin with an explicit BEGIN only.
                db = sqlite3.connect(
                    self._path, timeout=self._limits.busy_s, isolation_level=None, check_same_thread=False
                )
                on_failure.callback(db.close)
                _require_known(self._path, db)
                db.execute("PRAGMA journal_mode = WAL")
                # FULL, so that commits behind an acknowledgement to the broker survive a power cut.
                db.execute("PRAGMA synchronous = FULL")
                db.executescript(SCHEMA)
                for key, value in (("schema", SCHEMA_VERSION), ("epoch", epoch), ("published", "0")):
                    db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
                (version,) = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
                if version in EARLIER_VERSIONS:
                    with db:
                        db.execute("BEGIN IMMEDIATE")
                        upgrade(db.execute, version, int(self._clock()))
            on_failure.pop_all()
            return db

    def _refuse_foreign(self) -> None:
        """Refuse a database of a later version, and anything in its place that is no regular file, unchanged."""
        for suffix in ("", "-journal", *SQLITE_SUFFIXES):
            if is_special(path := self._path.with_name(f"{self._path.name}{suffix}")):
                raise StorageError(f"{path}: it is not a regular file")
        # A normal open and close would merge the log into the database. So it is opened read-only; without a log also
        # as immutable, because SQLite would else create one. The normal open afterwards reports any other error.
        log = self._path.with_name(f"{self._path.name}{SQLITE_SUFFIXES[0]}")
        immutable = "" if log.exists() and log.stat().st_size else "&immutable=1"
        with suppress(sqlite3.Error):
            uri = f"{self._path.absolute().as_uri()}?mode=ro{immutable}"
            with closing(sqlite3.connect(uri, uri=True, timeout=0)) as db:
                _require_known(self._path, db)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turn SQLite errors into StorageError, DamagedError or LockedError."""
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            kind = DamagedError if _damaged(error) else LockedError if _locked(error) else StorageError
            raise kind(f"{self._path}: {error}") from None


def _meta(db: sqlite3.Connection, key: str, default: str) -> str:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return default if row is None else str(row[0])


def _require_known(path: Path, db: sqlite3.Connection) -> None:
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
        return
    row = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if row is not None and row[0] not in (*EARLIER_VERSIONS, SCHEMA_VERSION):
        raise ConfigurationError(
            f"{path}: schema {row[0]}, this agent supports {SCHEMA_VERSION}; "
            "use the newer agent, or restore a backup of this version"
        )


def _write_states(db: sqlite3.Connection, changes: Changes) -> None:
    counters = changes.counters
    db.executemany(
        "INSERT INTO alarms VALUES (?, ?, ?) "
        "ON CONFLICT (sensor) DO UPDATE SET state = excluded.state, counters = excluded.counters",
        ((name, stored_json(SensorState, state), counters.get(name)) for name, state in changes.sensors.items()),
    )
    alone = [(record, name) for name, record in counters.items() if name not in changes.sensors]
    if not alone:
        return
    missing = len(alone) - db.executemany("UPDATE alarms SET counters = ? WHERE sensor = ?", alone).rowcount
    if missing:  # the caller writes everything again
        raise StorageError(f"the database has no state for the counters of {missing} sensors")


def _state(state: str, counters: bytes | None) -> SensorState:
    cold: SensorState = adapter(SensorState).validate_json(state)
    if counters is None:
        return cold
    try:
        return merged(cold, counters)
    except (struct.error, IndexError):
        raise ValueError(f"{len(counters)} bytes are no counters of {len(cold.conditions)} conditions") from None


def _locked(error: sqlite3.Error | ValueError) -> bool:
    """True if another process has the lock: SQLITE_BUSY is "database is locked", SQLITE_LOCKED names the table."""
    return isinstance(error, sqlite3.OperationalError) and str(error).endswith("is locked")


def _damaged(error: sqlite3.Error | ValueError) -> bool:
    """True if the content of the file causes the error, not the disk.

    SQLITE_CORRUPT and SQLITE_NOTADB come as a bare DatabaseError (CPython's `_pysqlite_seterror`). A row with invalid
    content raises a ValueError; an invalid table or text raises an OperationalError, the type of disk errors too.
    """
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith(("no such ", "table ", "Could not decode"))
    return type(error) in (sqlite3.DatabaseError, sqlite3.IntegrityError) or isinstance(error, ValueError)
