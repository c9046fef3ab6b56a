"""Alarms outrank durability: whatever happens to the disk, the ledger goes on, says so, and makes good for it later."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from events import CURSOR, SENSOR, event

from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.storage import journal as ledger_module
from drsn.agent.storage.journal import FILE, Journal
from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEW = SensorState.new(["ball"])


def fail(ledger: Journal) -> None:
    """The disk is full, until the file is opened anew; what SQLite itself makes of that."""
    pages = ledger._store._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._store._db.execute(f"PRAGMA max_page_count = {pages}")


def fill(ledger: Journal, first_seq: int, count: int = 50) -> None:
    ledger.commit({"a": SENSOR}, {"a": CURSOR}, [event(seq) for seq in range(first_seq, first_seq + count)])


def seqs(ledger: Journal, after_id: int = 0) -> list[int]:
    return [entry.seq for entry in ledger.journal(after_id, 10_000)]


def overwrite(folder: Path, start: int = 0, content: bytes = b"\xa5" * 8192) -> None:
    with (folder / FILE).open("r+b") as file:
        file.seek(start)
        file.write(content)


def aside(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{FILE}.set-aside-*Z"))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path)) as opened:
        yield opened


def test_a_new_directory_remembers_nothing_and_has_an_epoch_that_lasts(tmp_path: Path):
    epochs = []
    for _ in range(2):
        with closing(Journal(tmp_path / "new" / "one")) as one:
            remembered = one.load()
            epochs.append(remembered.epoch)
            assert (remembered.sensors, remembered.cursors, one.journal(0, 9)) == ({}, {}, [])
            assert (one.published_id, one.unpublished(), one.reasons) == (0, 0, ())
    with closing(Journal(tmp_path / "two")) as two:
        assert len({*epochs, two.load().epoch}) == 2


def test_a_second_agent_is_kept_out_until_the_first_is_gone(tmp_path: Path):
    with (
        closing(Journal(tmp_path)),
        pytest.raises(ConfigurationError, match="another agent uses it; give each its own"),
    ):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_what_is_published_is_written_in_the_end(tmp_path: Path):
    with closing(Journal(tmp_path)) as first:
        fill(first, 1, 5)
        first.mark_published(3)
        assert (first.unpublished(), seqs(first, 3)) == (2, [4, 5])
    with closing(Journal(tmp_path)) as second:
        assert (second.published_id, second.unpublished(), seqs(second, 3)) == (3, 2, [4, 5])
        second.mark_published(5)
        second.tend(1.0)
        with closing(sqlite3.connect(tmp_path / FILE)) as reader:
            assert reader.execute("SELECT value FROM meta WHERE key = 'published'").fetchone() == ("5",)


def test_on_a_full_disk_everything_goes_on_in_memory(ledger: Journal, tmp_path: Path, caplog):
    fill(ledger, 1)
    fail(ledger)
    fill(ledger, 51)
    ledger.commit({"b": NEW}, {}, [event(1, "b")])
    assert len(ledger.reasons) == 1
    assert "full; going on in memory" in ledger.reasons[0]
    assert ledger.reasons[0].startswith("store: ")
    assert seqs(ledger, 49) == [50, *range(51, 101), 1], "events of the disk and of the memory, in order"
    assert [ledger.events("a", 50, 2), ledger.events("b", 0, 9)] == [
        [(50, event(50).model_dump_json().encode()), (51, event(51).model_dump_json().encode())],
        [(1, event(1, "b").model_dump_json().encode())],
    ]
    assert ledger.load().sensors == {"a": SENSOR, "b": NEW}
    with closing(sqlite3.connect(tmp_path / FILE)) as reader:
        assert reader.execute("SELECT count(*) FROM journal").fetchone() == (50,)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1, "said once, not with each window"


def test_when_the_disk_is_back_all_that_was_held_is_written_with_its_numbers(ledger: Journal, tmp_path: Path):
    fill(ledger, 1)
    ledger.mark_published(50)
    fail(ledger)
    fill(ledger, 51)
    ledger.commit({"b": NEW}, {"b": CURSOR}, [event(1, "b")])
    ledger.mark_published(60)
    ledger.tend(0.0)
    assert ledger.reasons == ()
    assert ledger.load().cursors == {"a": CURSOR, "b": CURSOR}
    ledger.close()
    with closing(Journal(tmp_path)) as successor:
        assert successor.load().sensors == {"a": SENSOR, "b": NEW}
        assert successor.load().cursors == {"a": CURSOR, "b": CURSOR}
        assert (successor.published_id, successor.unpublished()) == (60, 41)
        assert seqs(successor, 60) == [*range(61, 101), 1]
        assert len(seqs(successor)) == 101, "none is missing and none is there twice"


def test_a_read_only_disk_is_as_good_as_a_full_one(ledger: Journal):
    fill(ledger, 1, 2)
    ledger._store._db.execute("PRAGMA query_only = ON")  # until it is opened anew
    fill(ledger, 3, 2)
    assert ("readonly database" in ledger.reasons[0], seqs(ledger, 1)) == (True, [2, 3, 4])
    ledger.tend(0.0)
    assert (ledger.reasons, [entry.seq for entry in ledger._store.journal(0, 9)]) == ((), [1, 2, 3, 4])


def test_a_disk_that_stays_full_is_tried_now_and_then(ledger: Journal, monkeypatch: pytest.MonkeyPatch):
    fill(ledger, 1)
    fail(ledger)
    fill(ledger, 51)
    tries: list[float] = []
    monkeypatch.setattr(ledger, "_reopen", lambda: tries.append(1) or (_ for _ in ()).throw(StorageError("full")))
    for now_s in range(100, 130):
        ledger.tend(float(now_s))
    assert len(tries) == 3


def test_the_memory_is_bounded_and_what_it_can_t_hold_is_counted(ledger: Journal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger_module, "HELD", 60)
    fill(ledger, 1, 10)
    fail(ledger)
    fill(ledger, 11, 40)
    fill(ledger, 51, 40)
    assert len(ledger._tail) == 60
    assert (ledger.lost, ledger.unpublished()) == (30, 60), "the first ten, which are on the disk, with them"
    for number in range(1200):
        ledger.commit({}, {}, [], [reply(str(number))])
    assert len(ledger._replies) == 1000


def reply(name: str):
    from drsn.agent.schema.documents import ReplyDocument

    return ReplyDocument(agent="x", request_id=name, verb="ack", ok=True, at="")


def test_a_command_is_known_again_while_the_disk_is_full_and_after(ledger: Journal):
    fill(ledger, 1)
    fail(ledger)
    fill(ledger, 51)
    ledger.commit({}, {}, [], [reply("r1")])
    assert b'"r1"' in ledger.reply("r1")
    assert ledger.reply("r2") is None
    ledger.tend(0.0)
    assert b'"r1"' in ledger._store.reply("r1")


@pytest.mark.parametrize("content", [b"no database " * 999, b"SQLite format 3\0" * 999, b""])
def test_a_file_that_is_no_database_is_set_aside_and_never_a_crash_loop(content: bytes, tmp_path: Path):
    (tmp_path / FILE).write_bytes(content)
    with closing(Journal(tmp_path)) as ledger:
        assert [path.read_bytes() for path in aside(tmp_path)] == [content] * bool(content)
        assert [("set aside as" in r, "damaged" in r) for r in ledger.reasons] == [(True, True)] * bool(content)
        fill(ledger, 1, 3)
    with closing(Journal(tmp_path)) as again:
        assert (again.reasons, seqs(again)) == ((), [1, 2, 3])


def test_of_a_half_written_file_what_still_can_be_read_is_kept(tmp_path: Path):
    with closing(Journal(tmp_path)) as ledger:
        epoch = ledger.load().epoch
        fill(ledger, 1, 200)
        ledger.mark_published(150)
    size = (tmp_path / FILE).stat().st_size
    overwrite(tmp_path, size - 3 * 4096, b"\xa5" * 3 * 4096)  # pages of the journal
    with closing(Journal(tmp_path)) as again:
        assert "alarm states were saved" in again.reasons[0]
        assert (again.load().epoch, again.load().sensors, again.load().cursors) == (epoch, {"a": SENSOR}, {"a": CURSOR})
        assert (again.lost, again.unpublished()) == (50, 0)
        fill(again, 201, 2)
    with closing(Journal(tmp_path)) as third:
        assert third.reasons == ()
        assert (seqs(third, third.published_id), third.load().sensors) == ([201, 202], {"a": SENSOR})


def test_a_file_that_was_cut_off_is_set_aside(tmp_path: Path):
    with closing(Journal(tmp_path)) as ledger:
        fill(ledger, 1, 200)
    with (tmp_path / FILE).open("r+b") as file:
        file.truncate(3 * 4096 + 17)
    with closing(Journal(tmp_path)) as again:
        assert len(aside(tmp_path)) == 1
        assert again.problem is None


def test_a_row_that_nobody_can_read_is_damage_too(tmp_path: Path):
    with closing(Journal(tmp_path)) as ledger:
        fill(ledger, 1, 2)
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("UPDATE alarms SET state = '{'")
        db.commit()
    with closing(Journal(tmp_path)) as again:
        assert "begin anew" in again.reasons[0]
        assert again.load().sensors == {}


def test_damage_at_run_time_is_set_aside_with_all_that_is_known_written_anew(ledger: Journal, tmp_path: Path):
    """What the disk alone had besides are events that are published."""
    fill(ledger, 1, 200)
    ledger.mark_published(150)
    ledger._store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger._store._db.execute("PRAGMA shrink_memory")
    overwrite(tmp_path)
    epoch = ledger.load().epoch
    for seq in range(201, 300):
        ledger.commit({"b": NEW}, {}, [event(seq)])
        ledger.tend(float(seq * 100))
    assert ledger.problem is None
    assert len(aside(tmp_path)) == 1
    assert "set aside" in ledger.reasons[0]
    assert seqs(ledger, 150) == list(range(151, 300))
    ledger.close()
    with closing(Journal(tmp_path)) as successor:
        assert successor.load().sensors == {"a": SENSOR, "b": NEW}
        assert (successor.load().epoch, successor.published_id) == (epoch, 150)
        assert seqs(successor, 150) == list(range(151, 300))


def test_unpublished_events_are_saved_out_of_a_damaged_file(tmp_path: Path):
    """Of an earlier run, so that they are not in memory."""
    with closing(Journal(tmp_path)) as first:
        fill(first, 1, 20)
        first.mark_published(5)
    with closing(Journal(tmp_path)) as ledger:
        ledger._store._db.execute("UPDATE replies SET reply = x'ff'")
        ledger._store._db.execute("INSERT INTO replies (request_id, reply) VALUES ('r', CAST(x'ff' AS TEXT))")
        ledger.reply("r")  # finds out
        ledger.tend(0.0)
        assert (ledger.problem, len(aside(tmp_path)), ledger.lost) == (None, 1, 0)
        assert seqs(ledger, 5) == list(range(6, 21))
    with closing(Journal(tmp_path)) as third:
        assert seqs(third, 5) == list(range(6, 21))


def test_files_set_aside_do_not_fill_the_disk(tmp_path: Path):
    for _ in range(6):
        (tmp_path / FILE).write_bytes(b"no database " * 999)
        Journal(tmp_path).close()
    assert len(aside(tmp_path)) == 3


def test_without_a_directory_the_agent_starts_and_waits_for_it(tmp_path: Path):
    place = tmp_path / "disk"
    place.touch()  # where the mount should be
    with closing(Journal(place / "state")) as ledger:
        assert "going on in memory" in ledger.reasons[0]
        fill(ledger, 1, 3)
        assert seqs(ledger) == [1, 2, 3]
        assert ledger.abandoned(["a"]) == ()
        ledger.tend(0.0)
        assert ledger.problem is not None
        place.unlink()
        ledger.tend(100.0)
        assert ledger.reasons == ()
        epoch = ledger.load().epoch
    with closing(Journal(place / "state")) as again:
        assert (again.load().epoch, seqs(again), again.load().sensors) == (epoch, [1, 2, 3], {"a": SENSOR})


def test_what_the_disk_knew_that_came_late_is_set_aside_not_mixed(tmp_path: Path):
    """Two epochs: each has an event 1 of sensor a."""
    with closing(Journal(tmp_path / "mounted")) as earlier:
        fill(earlier, 1, 3)
    place = tmp_path / "state"
    place.touch()
    with closing(Journal(place)) as ledger:
        fill(ledger, 1, 2)
        place.unlink()
        (tmp_path / "mounted").rename(place)
        ledger.tend(100.0)
        assert "not there when the agent started and set aside" in ledger.reasons[0]
        assert seqs(ledger) == [1, 2]
    with closing(Journal(place)) as again:
        assert seqs(again) == [1, 2]


def test_a_directory_that_can_t_be_written_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with closing(Journal(tmp_path)) as first:
        epoch = first.load().epoch
        fill(first, 1, 3)
        first.mark_published(1)
    monkeypatch.setattr(Journal, "_first", lambda _self: (_ for _ in ()).throw(StorageError("readonly database")))
    with closing(Journal(tmp_path)) as ledger:
        remembered = ledger.load()
        assert (remembered.epoch, remembered.sensors, remembered.cursors) == (epoch, {"a": SENSOR}, {"a": CURSOR})
        assert "readonly" in ledger.reasons[0]
        fill(ledger, 4, 2)
        assert seqs(ledger, ledger.published_id) == [2, 3, 4, 5], "new events don't wait for what is on the disk alone"
        ledger.tend(100.0)  # it can be written again
        assert (ledger.problem, seqs(ledger), aside(tmp_path)) == (None, [1, 2, 3, 4, 5], [])


def test_where_it_can_only_be_read_its_log_is_read_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A killed agent leaves its last commits there."""
    with closing(Journal(tmp_path / "killed")) as first:
        fill(first, 1, 3)
        shutil.copytree(tmp_path / "killed", tmp_path / "left")
    monkeypatch.setattr(Journal, "_first", lambda _self: (_ for _ in ()).throw(StorageError("readonly database")))
    with closing(Journal(tmp_path / "left")) as ledger:
        assert (ledger.load().sensors, seqs(ledger)) == ({"a": SENSOR}, [1, 2, 3])


def test_a_locked_database_is_a_matter_of_time(ledger: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("drsn.agent.storage.database.BUSY_S", 0.05)
    ledger._store._db.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        fill(ledger, 1, 2)
        ledger.tend(0.0)
        assert "locked" in ledger.reasons[0]
    ledger.tend(100.0)
    assert (ledger.reasons, aside(tmp_path)) == ((), [])


def test_what_is_forgotten_leaves_its_number_and_no_cursor(ledger: Journal, tmp_path: Path):
    fill(ledger, 1, 2)
    ledger.commit({"a": SensorState({}, seq=2)}, {}, [])
    ledger.close()
    with closing(Journal(tmp_path)) as again:
        assert (again.load().sensors, again.load().cursors) == ({"a": SensorState({}, seq=2)}, {})
