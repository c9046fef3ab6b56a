"""A database of a later version is read, and not changed by a byte."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from events import CURSOR, SENSOR, event

from drsn.agent.storage.journal import FILE, Journal
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

LATER = """
DROP TABLE replies; DELETE FROM meta WHERE key = 'published'; UPDATE meta SET value = '7' WHERE key = 'schema';
ALTER TABLE journal RENAME TO diary;
"""
"""Changes that the next schema version might make."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The state directory after a run of this version."""
    with closing(Journal(tmp_path)) as journal:
        journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(1)])
    return tmp_path


def held(folder: Path, *but: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in but}


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_what_a_later_version_has_done_away_with_is_not_brought_back(folder: Path, mode: str):
    with closing(sqlite3.connect(folder / FILE)) as db:
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.executescript(LATER)
    before = held(folder)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="schema 7, this agent supports 6"):
            Journal(folder)
    assert held(folder) == before, "nor is there anything beside it"


@pytest.mark.promise(
    "A database of a later version is refused (exit 78); neither it nor the log beside it is changed.",
    where="storage/database",
    topic="alarms",
)
def test_the_log_that_a_later_version_left_in_a_crash_stays_its_own(folder: Path):
    connect = (
        f"db = sqlite3.connect({str(folder / FILE)!r})"  # kept: garbage collection would close it and merge its log
    )
    later = f"import os, sqlite3; {connect}; db.executescript({LATER!r}); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", later], check=False).returncode == 9
    before = held(folder, f"{FILE}-shm")  # an index of the log, made anew by whoever reads it
    assert before[f"{FILE}-wal"]
    with pytest.raises(ConfigurationError, match="schema 7, this agent supports 6"):
        Journal(folder)
    assert held(folder, f"{FILE}-shm") == before
