"""The tables of the database, and the steps from earlier versions of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS alarms (sensor TEXT PRIMARY KEY, state TEXT NOT NULL, counters BLOB) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (sensor TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL, at_unix_s INTEGER NOT NULL DEFAULT 0,
    UNIQUE (sensor, seq)
) STRICT;
CREATE TABLE IF NOT EXISTS replies (
    id INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, reply TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS trends (
    sensor TEXT NOT NULL, seconds INTEGER NOT NULL, start_unix_s INTEGER NOT NULL, record BLOB NOT NULL,
    PRIMARY KEY (sensor, seconds, start_unix_s)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ageing (sensor TEXT PRIMARY KEY, drift BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
"""`alarms.counters` has what every window changes (drsn.agent.decision.counters); NULL: `state` has it too."""

SCHEMA_VERSION = "6"
EARLIER_VERSIONS = ("1", "2", "3", "4", "5")
"""Schema versions that this one reads: fields that states have gained since have defaults. An agent that supports only
those refuses this one: it would drop what operators have commanded."""


def upgrade(execute: Callable[..., object], version: str, now_unix_s: int) -> None:
    """Bring the tables of an earlier version to this one.

    Args:
        execute: runs a statement with its parameters, within one transaction.
        version: of the tables.
        now_unix_s: time of the events that have none.
    """
    if version in ("1", "2", "3"):
        execute("ALTER TABLE journal ADD COLUMN at_unix_s INTEGER NOT NULL DEFAULT 0")
        execute("UPDATE journal SET at_unix_s = ?", (now_unix_s,))
    if version != "5":
        execute("ALTER TABLE alarms ADD COLUMN counters BLOB")
    execute("UPDATE meta SET value = ? WHERE key = 'schema'", (SCHEMA_VERSION,))
