"""Whatever happens to the disk, the journal goes on in memory, reports it, and writes everything later."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from events import CURSOR, SENSOR, event

from drsn.agent.decision.alarm_state import Condition, SensorState
from drsn.agent.decision.counters import split
from drsn.agent.decision.voting import Votes
from drsn.agent.storage.journal import FILE, Journal
from drsn.agent.storage.limits import JournalLimits
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faulty_disk import Disk

NEW = SensorState.new(["ball"])


def fill(journal: Journal, first_seq: int, count: int = 50) -> None:
    journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(seq) for seq in range(first_seq, first_seq + count)])


def seqs(journal: Journal, after_id: int = 0) -> list[int]:
    return [entry.seq for entry in journal.read(after_id, 10_000)]


def overwrite(folder: Path, start: int = 0, content: bytes = b"\xa5" * 8192) -> None:
    with (folder / FILE).open("r+b") as file:
        file.seek(start)
        file.write(content)


def aside(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{FILE}.set-aside-*Z"))


@pytest.fixture
def journal(tmp_path: Path, disk: Disk) -> Iterator[Journal]:
    with closing(Journal(tmp_path, open_database=disk.open)) as opened:
        yield opened


def test_a_new_directory_remembers_nothing_and_has_an_epoch_that_lasts(tmp_path: Path):
    epochs = []
    for _ in range(2):
        with closing(Journal(tmp_path / "new" / "one")) as one:
            remembered = one.load()
            epochs.append(remembered.epoch)
            assert (remembered.sensors, remembered.cursors, one.read(0, 9)) == ({}, {}, [])
            assert (one.published_id, one.unpublished(), one.reasons) == (0, 0, ())
    with closing(Journal(tmp_path / "two")) as two:
        assert len({*epochs, two.load().epoch}) == 2


@pytest.mark.promise(
    "Of two agents with one state directory, the second does not start.",
    where="storage/state_dir",
    topic="identity",
)
def test_a_second_agent_is_kept_out_until_the_first_is_gone(tmp_path: Path):
    with (
        closing(Journal(tmp_path)),
        pytest.raises(ConfigurationError, match="another agent uses it; give each agent its own"),
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


def test_on_a_full_disk_everything_goes_on_in_memory(journal: Journal, disk: Disk, tmp_path: Path, caplog):
    fill(journal, 1)
    disk.fill()
    fill(journal, 51)
    journal.commit({"b": NEW}, {}, [event(1, "b")])
    assert len(journal.reasons) == 1
    assert "full; the agent continues in memory" in journal.reasons[0]
    assert journal.reasons[0].startswith("store: ")
    assert seqs(journal, 49) == [50, *range(51, 101), 1], "events of the disk and of the memory, in order"
    assert [journal.events("a", 50, 2), journal.events("b", 0, 9)] == [
        [(50, event(50).model_dump_json().encode()), (51, event(51).model_dump_json().encode())],
        [(1, event(1, "b").model_dump_json().encode())],
    ]
    assert journal.load().sensors == {"a": SENSOR, "b": NEW}
    with closing(sqlite3.connect(tmp_path / FILE)) as reader:
        assert reader.execute("SELECT count(*) FROM journal").fetchone() == (50,)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1, "said once, not with each window"


def test_when_the_disk_is_back_all_that_was_held_is_written_with_its_numbers(
    journal: Journal, disk: Disk, tmp_path: Path
):
    fill(journal, 1)
    journal.mark_published(50)
    disk.fill()
    fill(journal, 51)
    journal.commit({"b": NEW}, {"b": CURSOR}, [event(1, "b")])
    journal.mark_published(60)
    journal.tend(0.0)
    assert journal.reasons == ()
    assert journal.load().cursors == {"a": CURSOR, "b": CURSOR}
    journal.close()
    with closing(Journal(tmp_path)) as successor:
        assert successor.load().sensors == {"a": SENSOR, "b": NEW}
        assert successor.load().cursors == {"a": CURSOR, "b": CURSOR}
        assert (successor.published_id, successor.unpublished()) == (60, 41)
        assert seqs(successor, 60) == [*range(61, 101), 1]
        assert len(seqs(successor)) == 101, "none is missing and none is there twice"


def test_a_read_only_disk_is_as_good_as_a_full_one(journal: Journal, disk: Disk):
    fill(journal, 1, 2)
    disk.database.execute("PRAGMA query_only = ON")  # until it is opened anew
    fill(journal, 3, 2)
    assert ("readonly database" in journal.reasons[0], seqs(journal, 1)) == (True, [2, 3, 4])
    journal.tend(0.0)
    assert (journal.reasons, [entry.seq for entry in disk.database.read(0, 9)]) == ((), [1, 2, 3, 4])


def test_a_disk_that_stays_full_is_tried_now_and_then(journal: Journal, disk: Disk):
    fill(journal, 1)
    disk.fill()
    fill(journal, 51)
    disk.error, disk.opens = "full", 0
    for now_s in range(100, 130):
        journal.tend(float(now_s))
    assert disk.opens == 3


@pytest.mark.promise(
    "Memory is bounded: when too many events wait, the oldest are dropped and counted as `lost_events`.",
    where="storage/event_log",
    topic="alarms",
)
def test_the_memory_is_bounded_and_what_it_can_t_hold_is_counted(tmp_path: Path, disk: Disk):
    limits = JournalLimits(max_events=60, max_replies=100)
    with closing(Journal(tmp_path, limits, disk.open)) as journal:
        fill(journal, 1, 10)
        disk.fill()
        fill(journal, 11, 40)
        fill(journal, 51, 40)
        assert seqs(journal, 30) == list(range(31, 91))
        assert (journal.lost, journal.unpublished()) == (30, 60), "the first ten, which are on the disk, with them"
        for number in range(120):
            journal.commit({}, {}, [], [reply(str(number))])
        assert [journal.reply(name) is not None for name in ("0", "19", "20", "119")] == [False, False, True, True]


def reply(name: str):
    from drsn.agent.schema.documents import ReplyDocument

    return ReplyDocument(agent="x", request_id=name, verb="ack", ok=True, at="")


def test_a_command_is_known_again_while_the_disk_is_full_and_after(journal: Journal, disk: Disk):
    fill(journal, 1)
    disk.fill()
    fill(journal, 51)
    journal.commit({}, {}, [], [reply("r1")])
    assert b'"r1"' in journal.reply("r1")
    assert journal.reply("r2") is None
    journal.tend(0.0)
    assert b'"r1"' in disk.database.reply("r1")


@pytest.mark.parametrize("content", [b"no database " * 999, b"SQLite format 3\0" * 999, b""])
@pytest.mark.promise(
    "A damaged database is set aside under a name with a time stamp, and the status reports it; there is no "
    "crash loop.",
    where="storage/recovery, storage/state_dir",
    topic="alarms",
)
def test_a_file_that_is_no_database_is_set_aside_and_never_a_crash_loop(content: bytes, tmp_path: Path):
    (tmp_path / FILE).write_bytes(content)
    with closing(Journal(tmp_path)) as journal:
        assert [path.read_bytes() for path in aside(tmp_path)] == [content] * bool(content)
        assert [("renamed to" in r, "damaged" in r) for r in journal.reasons] == [(True, True)] * bool(content)
        fill(journal, 1, 3)
    with closing(Journal(tmp_path)) as again:
        assert (again.reasons, seqs(again)) == ((), [1, 2, 3])


def test_of_a_half_written_file_what_still_can_be_read_is_kept(tmp_path: Path):
    with closing(Journal(tmp_path)) as journal:
        epoch = journal.load().epoch
        fill(journal, 1, 200)
        journal.mark_published(150)
    size = (tmp_path / FILE).stat().st_size
    overwrite(tmp_path, size - 3 * 4096, b"\xa5" * 3 * 4096)  # pages of the journal
    with closing(Journal(tmp_path)) as again:
        assert "alarm states were kept" in again.reasons[0]
        assert (again.load().epoch, again.load().sensors, again.load().cursors) == (epoch, {"a": SENSOR}, {"a": CURSOR})
        assert (again.lost, again.unpublished()) == (50, 0)
        fill(again, 201, 2)
    with closing(Journal(tmp_path)) as third:
        assert third.reasons == ()
        assert (seqs(third, third.published_id), third.load().sensors) == ([201, 202], {"a": SENSOR})


def test_a_file_that_was_cut_off_is_set_aside(tmp_path: Path):
    with closing(Journal(tmp_path)) as journal:
        fill(journal, 1, 200)
    with (tmp_path / FILE).open("r+b") as file:
        file.truncate(3 * 4096 + 17)
    with closing(Journal(tmp_path)) as again:
        assert len(aside(tmp_path)) == 1
        assert again.problem is None


def test_an_unreadable_row_is_damage(tmp_path: Path):
    with closing(Journal(tmp_path)) as journal:
        fill(journal, 1, 2)
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("UPDATE alarms SET state = '{'")
        db.commit()
    with closing(Journal(tmp_path)) as again:
        assert "start empty" in again.reasons[0]
        assert again.load().sensors == {}


@pytest.mark.promise(
    "A database that is damaged while the agent runs is written again from memory, with the same event numbers "
    "and epoch.",
    where="storage/journal",
    topic="alarms",
)
def test_damage_at_run_time_is_set_aside_with_all_that_is_known_written_anew(
    journal: Journal, disk: Disk, tmp_path: Path
):
    """What the disk alone had besides are events that are published."""
    fill(journal, 1, 200)
    journal.mark_published(150)
    disk.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    disk.database.execute("PRAGMA shrink_memory")
    overwrite(tmp_path)
    epoch = journal.load().epoch
    for seq in range(201, 300):
        journal.commit({"b": NEW}, {}, [event(seq)])
        journal.tend(float(seq * 100))
    assert journal.problem is None
    assert len(aside(tmp_path)) == 1
    assert "was renamed to" in journal.reasons[0]
    assert seqs(journal, 150) == list(range(151, 300))
    journal.close()
    with closing(Journal(tmp_path)) as successor:
        assert successor.load().sensors == {"a": SENSOR, "b": NEW}
        assert (successor.load().epoch, successor.published_id) == (epoch, 150)
        assert seqs(successor, 150) == list(range(151, 300))


def test_unpublished_events_are_saved_out_of_a_damaged_file(tmp_path: Path, disk: Disk):
    """Of an earlier run, so that they are not in memory."""
    with closing(Journal(tmp_path)) as first:
        fill(first, 1, 20)
        first.mark_published(5)
    with closing(Journal(tmp_path, open_database=disk.open)) as journal:
        disk.database.execute("INSERT INTO replies (request_id, reply) VALUES ('r', CAST(x'ff' AS TEXT))")
        journal.reply("r")  # finds out
        journal.tend(0.0)
        assert (journal.problem, len(aside(tmp_path)), journal.lost) == (None, 1, 0)
        assert seqs(journal, 5) == list(range(6, 21))
    with closing(Journal(tmp_path)) as third:
        assert seqs(third, 5) == list(range(6, 21))


def test_files_set_aside_do_not_fill_the_disk(tmp_path: Path):
    for _ in range(6):
        (tmp_path / FILE).write_bytes(b"no database " * 999)
        Journal(tmp_path).close()
    assert len(aside(tmp_path)) == 3


@pytest.mark.promise(
    "The agent starts without its state directory, and uses it as soon as it is there.",
    where="storage/journal",
    topic="alarms",
)
def test_without_a_directory_the_agent_starts_and_waits_for_it(tmp_path: Path):
    place = tmp_path / "disk"
    place.touch()  # where the mount should be
    with closing(Journal(place / "state")) as journal:
        assert "continues in memory" in journal.reasons[0]
        fill(journal, 1, 3)
        assert seqs(journal) == [1, 2, 3]
        assert journal.abandoned(["a"]) == ()
        journal.tend(0.0)
        assert journal.problem is not None
        place.unlink()
        journal.tend(100.0)
        assert journal.reasons == ()
        epoch = journal.load().epoch
    with closing(Journal(place / "state")) as again:
        assert (again.load().epoch, seqs(again), again.load().sensors) == (epoch, [1, 2, 3], {"a": SENSOR})


def test_what_the_disk_knew_that_came_late_is_set_aside_not_mixed(tmp_path: Path):
    """Two epochs: each has an event 1 of sensor a."""
    with closing(Journal(tmp_path / "mounted")) as earlier:
        fill(earlier, 1, 3)
    place = tmp_path / "state"
    place.touch()
    with closing(Journal(place)) as journal:
        fill(journal, 1, 2)
        place.unlink()
        (tmp_path / "mounted").rename(place)
        journal.tend(100.0)
        assert "not readable when the agent started and was renamed" in journal.reasons[0]
        assert seqs(journal) == [1, 2]
    with closing(Journal(place)) as again:
        assert seqs(again) == [1, 2]


def test_a_directory_that_can_t_be_written_is_read_all_the_same(tmp_path: Path, disk: Disk):
    with closing(Journal(tmp_path)) as first:
        epoch = first.load().epoch
        fill(first, 1, 3)
        first.mark_published(1)
    with closing(Journal(tmp_path, open_database=disk.open_later)) as journal:
        remembered = journal.load()
        assert (remembered.epoch, remembered.sensors, remembered.cursors) == (epoch, {"a": SENSOR}, {"a": CURSOR})
        assert "readonly" in journal.reasons[0]
        fill(journal, 4, 2)
        assert seqs(journal, journal.published_id) == [2, 3, 4, 5], (
            "new events don't wait for what is on the disk alone"
        )
        journal.tend(100.0)  # it can be written again
        assert (journal.problem, seqs(journal), aside(tmp_path)) == (None, [1, 2, 3, 4, 5], [])


def test_where_it_can_only_be_read_its_log_is_read_with_it(tmp_path: Path, disk: Disk):
    """A killed agent leaves its last commits there."""
    with closing(Journal(tmp_path / "killed")) as first:
        fill(first, 1, 3)
        shutil.copytree(tmp_path / "killed", tmp_path / "left")
    with closing(Journal(tmp_path / "left", open_database=disk.open_later)) as journal:
        assert (journal.load().sensors, seqs(journal)) == ({"a": SENSOR}, [1, 2, 3])


def test_what_is_forgotten_leaves_its_number_and_no_cursor(journal: Journal, tmp_path: Path):
    fill(journal, 1, 2)
    journal.commit({"a": SensorState({}, seq=2)}, {}, [])
    journal.close()
    with closing(Journal(tmp_path)) as again:
        assert (again.load().sensors, again.load().cursors) == ({"a": SensorState({}, seq=2)}, {})


def test_counters_are_kept_in_memory_while_the_disk_fails_and_written_with_their_states(
    tmp_path: Path, disk: Disk, journal: Journal
):
    conditions = ("ball",)
    cold, record = split(NEW, conditions)
    voted = SensorState({"ball": Condition(votes=Votes(1, 1))})
    journal.commit({"b": cold}, {}, [], counters={"b": record})
    disk.fill()
    journal.commit({}, {}, [event(seq, "b") for seq in range(1, 60)], counters={"b": split(voted, conditions)[1]})
    assert journal.problem is not None
    assert journal.load().sensors["b"] == voted
    journal.tend(1e9)
    assert journal.problem is None
    with closing(sqlite3.connect(tmp_path / FILE)) as reader:
        state, counters = reader.execute("SELECT state, counters FROM alarms WHERE sensor = 'b'").fetchone()
    assert (state, counters) == ('{"conditions":{"ball":{}}}', split(voted, conditions)[1])
