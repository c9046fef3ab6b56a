from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from events import CURSOR, SENSOR, event
from faulty_disk import empty_log

from drsn.agent.storage.database import Database
from drsn.agent.storage.journal import FILE as DATABASE
from drsn.agent.storage.journal import Journal
from drsn.agent.storage.rollback_guard import FILE, FILE_BYTES, RollbackGuard
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from faulty_disk import Disk


def fill(journal: Journal, first_seq: int, count: int) -> None:
    journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(seq) for seq in range(first_seq, first_seq + count)])


def test_it_is_the_number_of_the_last_commit_to_a_database_of_this_epoch(tmp_path: Path):
    with closing(RollbackGuard(tmp_path)) as guard:
        assert guard.last_commit("a1") == 0
        for number in (7, 123_456, 8):
            guard.record("a1", number)
            assert (guard.last_commit("a1"), guard.last_commit("b2")) == (number, 0)
    assert RollbackGuard(tmp_path).last_commit("a1") == 8
    assert (tmp_path / FILE).stat().st_size == FILE_BYTES


@pytest.mark.parametrize("content", [b"", b"a1", b"a1 x", b"a1 1 2", b"\xff\xfe", bytes(64)])
def test_an_unreadable_file_has_no_number(content: bytes, tmp_path: Path):
    (tmp_path / FILE).write_bytes(content)
    assert RollbackGuard(tmp_path).last_commit("a1") == 0


def test_where_it_can_t_be_written_nothing_happens(tmp_path: Path):
    with closing(RollbackGuard(tmp_path / "nowhere")) as guard:
        guard.record("a1", 1)
        assert guard.last_commit("a1") == 0


@pytest.mark.promise(
    "A database that is older than it was (its write-ahead log lost its end, or only this file came back from a "
    "backup) is set aside too: else event numbers would be given twice.",
    where="storage/rollback_guard",
    topic="alarms",
)
def test_a_database_that_is_older_than_it_was_is_set_aside_and_numbers_are_not_given_twice(tmp_path: Path):
    """Its log lost its end, or a backup was brought back: to SQLite it is whole."""
    with closing(Journal(tmp_path)) as journal:
        epoch = journal.load().epoch
        fill(journal, 1, 5)
        empty_log(tmp_path)
        backup = (tmp_path / DATABASE).read_bytes()
        fill(journal, 6, 5)
        fill(journal, 11, 5)
    (tmp_path / DATABASE).write_bytes(backup)
    with closing(Journal(tmp_path)) as again:
        assert "2 commits are missing" in again.reasons[0]
        assert "start empty" in again.reasons[0]
        assert again.load().epoch != epoch
        assert (again.load().sensors, again.load().cursors) == ({}, {})
        fill(again, 1, 1)
    with closing(Journal(tmp_path)) as third:
        assert third.reasons == ()


def test_a_commit_that_the_disk_did_not_take_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The number is never ahead: else the next start would set a sound database aside."""
    with closing(Journal(tmp_path)) as journal:
        fill(journal, 1, 5)
        monkeypatch.setattr(Database, "commit", lambda *_: (_ for _ in ()).throw(StorageError("full")))
        fill(journal, 6, 5)
    monkeypatch.undo()
    with closing(Journal(tmp_path)) as again:
        assert (again.reasons, again.load().sensors, again.load().last_id) == ((), {"a": SENSOR}, 5)


def test_a_database_of_which_nothing_is_left_is_missed(tmp_path: Path):
    """All of it was in the log, and the log is empty."""
    with closing(Journal(tmp_path)) as journal:
        fill(journal, 1, 5)
    (tmp_path / DATABASE).unlink()
    with closing(Journal(tmp_path)) as again:
        assert "1 commits are missing" in again.reasons[0]
    with closing(Journal(tmp_path)) as third:
        assert third.reasons == ()


def test_a_database_of_another_epoch_lacks_nothing_unless_it_is_empty(tmp_path: Path):
    with closing(RollbackGuard(tmp_path)) as guard:
        guard.record("a1", 7)
        assert [guard.missing_commits("a1", commits) for commits in (0, 6, 7, 8)] == [7, 1, 0, 0]
        assert [guard.missing_commits("b2", commits) for commits in (0, 1)] == [7, 0]


def test_a_database_that_was_written_anew_is_as_new_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with closing(Journal(tmp_path)) as journal:
        for seq in range(1, 200):
            fill(journal, seq, 1)
    database = tmp_path / DATABASE
    database.write_bytes(database.read_bytes()[: -3 * 4096] + b"\xa5" * 3 * 4096)
    with monkeypatch.context() as killed_between:
        killed_between.setattr(RollbackGuard, "record", lambda *_: None)
        with closing(Journal(tmp_path)) as again:
            assert "alarm states were kept" in again.reasons[0]
    with closing(Journal(tmp_path)) as third:
        assert third.reasons == ()
        assert third.load().sensors == {"a": SENSOR}


def test_a_database_of_a_version_that_counted_nothing_is_not_empty(tmp_path: Path):
    """Brought into a directory where a later version has begun, it is another machine's past, and whole."""
    with closing(Journal(tmp_path / "old")) as old:
        fill(old, 1, 5)
    with closing(sqlite3.connect(tmp_path / "old" / DATABASE)) as db:
        db.execute("DELETE FROM meta WHERE key = 'commits'")
        db.commit()
    with closing(Journal(tmp_path / "new")) as new:
        fill(new, 1, 2)
    (tmp_path / "new" / DATABASE).write_bytes((tmp_path / "old" / DATABASE).read_bytes())
    with closing(Journal(tmp_path / "new")) as again:
        assert again.reasons == ()
        assert again.load().sensors == {"a": SENSOR}


@pytest.mark.parametrize("left", ["older", "empty", "empty, and no guard file"])
def test_where_it_can_only_be_read_an_older_database_is_noticed_too(left: str, tmp_path: Path, disk: Disk):
    with closing(Journal(tmp_path)) as journal:
        epoch = journal.load().epoch
        fill(journal, 1, 5)
        empty_log(tmp_path)
        backup = (tmp_path / DATABASE).read_bytes()
        fill(journal, 6, 5)
    (tmp_path / DATABASE).write_bytes(backup if left == "older" else b"")
    (tmp_path / FILE).rename(tmp_path / (FILE if "guard" not in left else "gone"))
    with closing(Journal(tmp_path, open_database=disk.open_later)) as again:
        assert again.load().epoch not in ("", epoch)
        assert again.load().sensors == {}
