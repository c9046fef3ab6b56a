"""Counters are written beside the states that they go with."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from events import CURSOR, SENSOR, event
from faulty_disk import OpenedDatabase

from drsn.agent.decision.alarm_state import AnyFault, Condition, SensorState, State
from drsn.agent.decision.counters import split
from drsn.agent.decision.diagnosis import ANY_FAULT
from drsn.agent.decision.voting import Votes
from drsn.agent.storage.database import Changes
from drsn.agent.storage.database_schema import SCHEMA_VERSION
from drsn.agent.storage.journal import FILE, Journal
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def opened(folder: Path) -> OpenedDatabase:
    return OpenedDatabase(folder / FILE, "fresh")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The state directory after a first run."""
    with closing(Journal(tmp_path)) as journal:
        journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(6)])
    return tmp_path


@pytest.fixture
def database(folder: Path) -> Iterator[OpenedDatabase]:
    with closing(opened(folder)) as found:
        yield found


HELD = SensorState(
    {"ball": Condition(State.ACTIVE_UNACKED, Votes(5, 8), held_ns=3, seq=7), "unknown": Condition()}, seq=7
)
VOTED = replace(HELD, conditions={**HELD.conditions, "unknown": Condition(votes=Votes(1, 1))}, period_s=0.5)


def test_counters_are_written_without_the_state_that_they_go_with(database: OpenedDatabase):
    cold, record = split(HELD, tuple(HELD.conditions))
    database.commit(Changes({"a": cold}, counters={"a": record}))
    assert database.load().sensors["a"] == HELD
    database.commit(Changes(counters={"a": split(VOTED, tuple(HELD.conditions))[1]}))
    assert database.load().sensors["a"] == VOTED
    database.commit(Changes({"a": HELD}))
    assert database.load().sensors["a"] == HELD, "a state without counters has them all"


def test_counters_without_a_state_are_refused_and_nothing_of_the_commit_is_written(database: OpenedDatabase):
    before = database.load()
    record = split(HELD, tuple(HELD.conditions))[1]
    with pytest.raises(StorageError, match="no state for the counters of 1 sensors"):
        database.commit(Changes({"a": HELD}, counters={"new": record}))
    assert database.load() == before


def test_what_version_5_wrote_is_read_and_counts_any_fault(folder: Path):
    """Version 5 had no column for the windows of any fault, and an agent of it cannot read one."""
    before = tuple(HELD.conditions)
    columns = ("ball", ANY_FAULT, "unknown")
    cold, record = split(HELD, before)
    with closing(opened(folder)) as database:
        database.commit(Changes({"a": cold}, counters={"a": record}))
    with closing(sqlite3.connect(folder / FILE)) as db:
        db.execute("UPDATE meta SET value = '5' WHERE key = 'schema'")
        db.commit()
    counted = replace(HELD, any_fault=AnyFault(Votes(3, 4), 0.5, 7))
    with closing(opened(folder)) as database:
        assert database.load().sensors["a"] == HELD
        cold, record = split(counted, columns)
        database.commit(Changes({"a": cold}, counters={"a": record}))
    with closing(opened(folder)) as database:
        assert database.load().sensors["a"] == counted
    with closing(sqlite3.connect(folder / FILE)) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == (SCHEMA_VERSION,)


def test_what_version_4_wrote_is_read_and_gets_counters(folder: Path):
    with closing(sqlite3.connect(folder / FILE)) as db:
        db.execute("ALTER TABLE alarms DROP COLUMN counters")
        db.execute("UPDATE meta SET value = '4' WHERE key = 'schema'")
        db.commit()
    cold, record = split(HELD, tuple(HELD.conditions))
    with closing(opened(folder)) as database:
        assert database.load().sensors["a"] == SENSOR
        database.commit(Changes({"a": cold}, counters={"a": record}))
    with closing(opened(folder)) as database:
        assert database.load().sensors["a"] == HELD
