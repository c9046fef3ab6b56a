"""Another process has locked the database."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest
from events import CURSOR, SENSOR, event
from faulty_disk import locked

from drsn.agent.storage.database import Database, DatabaseLimits
from drsn.agent.storage.journal import FILE, Journal
from drsn.agent.storage.limits import TIMEOUT_S

if TYPE_CHECKING:
    from pathlib import Path


def fill(journal: Journal, first_seq: int, count: int) -> None:
    journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(seq) for seq in range(first_seq, first_seq + count)])


def seqs(journal: Journal) -> list[int]:
    return [entry.seq for entry in journal.read(0, 10_000)]


def test_a_locked_database_is_a_matter_of_time(tmp_path: Path):
    impatient = partial(Database, limits=DatabaseLimits(busy_s=0.05))
    with closing(Journal(tmp_path, open_database=impatient)) as journal:
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            fill(journal, 1, 2)
            journal.tend(0.0)
            assert "locked" in journal.reasons[0]
        journal.tend(100.0)
        assert journal.reasons == ()


@pytest.mark.promise(
    "The same while another process has locked the database: an alarm waits for the lock for a second at most.",
    where="storage/database, storage/recovery",
    topic="alarms",
)
def test_a_lock_of_another_process_delays_an_alarm_by_less_than_the_time_that_the_disk_has(tmp_path: Path):
    with closing(Journal(tmp_path)) as journal:
        fill(journal, 1, 2)
        with locked(tmp_path):
            waits_s = []
            for seq in range(3, 20):
                began_s = time.monotonic()
                fill(journal, seq, 1)
                journal.tend(0.0)
                seqs(journal)
                journal.reply("r")
                waits_s.append(time.monotonic() - began_s)
            assert max(waits_s) < TIMEOUT_S, "the first time"
            assert sorted(waits_s)[-2] < 0.2, "it is not waited for again, by no commit and no read"
            assert "database is locked; the agent continues in memory" in journal.reasons[0]
        journal.tend(100.0)
        assert journal.reasons == ()
    with closing(Journal(tmp_path)) as again:
        assert seqs(again) == list(range(1, 20))


def test_what_was_decided_under_the_lock_is_written_at_the_end_if_the_lock_has_ended(tmp_path: Path):
    with closing(Journal(tmp_path)) as journal, locked(tmp_path):
        fill(journal, 1, 2)
        journal.tend(0.0)
        assert journal.problem is not None
    with closing(Journal(tmp_path)) as again:
        assert (seqs(again), again.reasons) == ([1, 2], ())
