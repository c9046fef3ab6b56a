from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from events import CURSOR, SENSOR, event
from faulty_disk import OpenedDatabase
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.continuity import Cursor, PastBoot
from drsn.agent.decision.alarm_state import Condition, SensorState, State
from drsn.agent.decision.voting import MAX_WINDOWS, Votes
from drsn.agent.storage.database import (
    DEFAULT_LIMITS,
    RETENTION_S,
    Changes,
    DamagedError,
    Database,
    DatabaseLimits,
    Entry,
    LockedError,
)
from drsn.agent.storage.database_schema import SCHEMA_VERSION
from drsn.agent.storage.journal import FILE, Journal
from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drsn.agent.schema.documents import ReplyDocument


def entry(number: int, seq: int, sensor: str = "a") -> Entry:
    return Entry(number, sensor, seq, event(seq, sensor).model_dump_json().encode())


def opened(
    folder: Path, limits: DatabaseLimits = DEFAULT_LIMITS, clock: Callable[[], float] = time.time
) -> OpenedDatabase:
    return OpenedDatabase(folder / FILE, "fresh", limits, clock)


def ids(database: Database, after_id: int = 0) -> list[int]:
    return [each.id for each in database.read(after_id, 99)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The state directory after a first run: two sensors and three events, the first of them published."""
    with closing(Journal(tmp_path)) as journal:
        journal.commit(
            {"a": SENSOR, "b": SensorState.new(["ball"])}, {"a": CURSOR}, [event(6), event(7), event(1, "b")]
        )
        journal.mark_published(1)
    return tmp_path


@pytest.fixture
def database(folder: Path) -> Iterator[OpenedDatabase]:
    """The database of the second run."""
    with closing(opened(folder)) as found:
        yield found


def test_a_new_file_is_empty_and_has_the_given_epoch(tmp_path: Path):
    with closing(opened(tmp_path)) as database:
        remembered = database.load()
        assert (database.epoch, remembered.epoch) == ("fresh", "fresh")
        assert (remembered.sensors, remembered.cursors, database.read(0, 9)) == ({}, {}, [])
        assert (remembered.published_id, remembered.last_id) == (0, 0)


def test_a_second_run_goes_on_where_the_first_stopped(database: OpenedDatabase):
    remembered = database.load()
    assert remembered.sensors == {"a": SENSOR, "b": SensorState.new(["ball"])}
    assert remembered.cursors == {"a": CURSOR}
    assert (remembered.published_id, remembered.last_id) == (1, 3)
    assert database.epoch != "fresh", "the file has one of its own"
    assert database.read(1, 9) == [entry(2, 7), entry(3, 1, "b")]
    assert database.events("a", 7, 9) == [entry(2, 7)]


def test_the_journal_is_read_from_its_cursor_in_order_and_in_parts(database: OpenedDatabase):
    assert [each.id for each in database.read(0, 2)] == [1, 2]
    assert [(each.id, each.sensor) for each in database.read(2, 9)] == [(3, "b")]


def test_a_later_state_replaces_the_earlier_and_leaves_other_sensors_alone(database: OpenedDatabase):
    later = SensorState(SENSOR.conditions, seq=8)
    database.commit(Changes({"a": later}, {"b": CURSOR}))
    assert database.load().sensors == {"a": later, "b": SensorState.new(["ball"])}
    assert database.load().cursors == {"a": CURSOR, "b": CURSOR}


def test_of_a_sensor_that_is_forgotten_only_its_number_stays(database: OpenedDatabase):
    database.commit(Changes({"a": SensorState({}, seq=7)}))
    assert database.load().sensors["a"] == SensorState({}, seq=7)
    assert database.load().cursors == {}


def failing() -> Iterator[Entry]:
    yield entry(4, 8)
    raise RuntimeError


@pytest.mark.promise(
    "States, votes, cursors and events are written in one transaction.",
    where="storage/database",
    topic="alarms",
)
def test_a_commit_writes_all_or_nothing(database: OpenedDatabase):
    before = database.load(), database.read(0, 99)
    with pytest.raises(RuntimeError):
        database.commit(Changes({"a": SensorState.new(["other"])}, {"a": Cursor()}, failing()))
    assert (database.load(), database.read(0, 99)) == before
    database.commit(Changes(entries=[entry(4, 8)]))  # and the next one is not hindered


def refusing() -> Iterator[ReplyDocument]:
    raise RuntimeError
    yield


def test_nothing_of_a_commit_is_there_before_the_last_of_it_is(database: OpenedDatabase):
    """Neither events before the answer to the command that made them, nor states before either."""
    before = database.load(), database.read(0, 99)
    with pytest.raises(RuntimeError):
        database.commit(
            Changes({"a": SensorState.new(["other"])}, {"a": Cursor()}, [entry(4, 8)], refusing(), published_id=2)
        )
    assert (database.load(), database.read(0, 99)) == before


def test_what_is_committed_outlives_a_power_cut(database: OpenedDatabase):
    """FULL: the log is synced with each commit; NORMAL, which keeps the file whole too, would lose the last ones."""
    pragmas = [database.execute(f"PRAGMA {name}").fetchone() for name in ("journal_mode", "synchronous")]
    assert pragmas == [("wal",), (2,)]


def test_what_was_written_although_it_was_reported_as_failed_is_written_once(database: OpenedDatabase):
    for _ in range(2):
        database.commit(Changes(entries=[entry(4, 8)]))
    assert ids(database) == [1, 2, 3, 4]


def test_what_is_not_committed_is_not_remembered_by_others(folder: Path, database: OpenedDatabase):
    """Another reader sees each commit whole, as a power cut would leave it."""
    database.commit(Changes({"a": SensorState.new(["other"])}, entries=[entry(4, 8)]))
    with closing(sqlite3.connect(folder / FILE)) as reader:
        assert reader.execute("SELECT count(*) FROM journal").fetchone() == (4,)
        assert "other" in reader.execute("SELECT state FROM alarms WHERE sensor = 'a'").fetchone()[0]


@given(
    st.builds(
        Condition,
        state=st.sampled_from(State),
        votes=st.builds(Votes, st.integers(0, 2**MAX_WINDOWS - 1), st.integers(0, MAX_WINDOWS)),
        since_unix_ns=st.integers(-(2**63), 2**63),
        label=st.text(st.characters(codec="utf-8")),
        confidence=st.floats(0, 1),
        clock_synced=st.booleans(),
    )
)
def test_every_state_comes_back_as_it_went(condition: Condition):
    sensor = SensorState({"ball": condition}, seq=2**40)
    with TemporaryDirectory() as path, closing(opened(Path(path))) as database:
        database.commit(Changes({"é/\0": sensor}))
        assert database.load().sensors == {"é/\0": sensor}


@pytest.mark.promise(
    "The journal has a bounded size, and published events are deleted after a while.",
    where="storage/database",
    topic="alarms",
)
def test_a_full_journal_lets_the_oldest_go_published_or_not_and_says_how_many_no_broker_has(folder: Path):
    size = len(entry(4, 8).event)
    with closing(opened(folder, DatabaseLimits(journal_bytes=5 * size + 20, slack_bytes=size - 20))) as database:
        assert database.commit(Changes(entries=[entry(4, 8), entry(5, 9)], published_id=2)) == 0
        assert ids(database) == [1, 2, 3, 4, 5]
        assert database.commit(Changes(entries=[entry(6, 10)], published_id=2)) == 0
        assert ids(database) == [3, 4, 5, 6], "one more than needed, so that the next need not"
        assert database.commit(Changes(entries=[entry(7, 11), entry(8, 12)], published_id=2)) == 2
        assert ids(database) == [5, 6, 7, 8]


def test_unpublished_events_that_a_full_journal_deletes_are_lost(tmp_path: Path):
    limits = DatabaseLimits(journal_bytes=3 * len(entry(4, 8).event) + 20, slack_bytes=0)
    with closing(Journal(tmp_path, open_database=partial(Database, limits=limits))) as journal:
        journal.commit({}, {}, [event(seq) for seq in (1, 2, 3)])
        assert (journal.lost, journal.unpublished()) == (0, 3)
        journal.commit({}, {}, [event(seq) for seq in (4, 5)])
        assert (journal.lost, journal.unpublished()) == (2, 3)


def test_published_events_go_after_a_week_and_no_other(folder: Path):
    now_s = time.time()
    clock_s = now_s + RETENTION_S - 60
    with closing(opened(folder, clock=lambda: clock_s)) as database:
        database.commit(Changes(entries=[entry(4, 8)], published_id=2))
        assert ids(database) == [1, 2, 3, 4]
        clock_s = now_s + RETENTION_S + 60
        assert database.commit(Changes(published_id=2)) == 0
        assert ids(database) == [3, 4], "3 is old, and no broker has it"
        clock_s = 0.0  # a clock that is set back makes nothing older
        database.commit(Changes(entries=[entry(5, 9)], published_id=5))
        assert ids(database) == [4, 5]


def test_event_ids_are_unique_even_if_the_journal_is_empty(folder: Path):
    with closing(opened(folder, DatabaseLimits(retention_s=-10))) as database:
        database.commit(Changes(published_id=3))
        assert ids(database) == []
    with closing(opened(folder)) as again:
        assert again.load().last_id == 3


def test_what_a_later_version_wrote_is_refused_and_stays(folder: Path):
    with closing(sqlite3.connect(folder / FILE)) as db:
        db.execute("UPDATE meta SET value = '7' WHERE key = 'schema'")
        db.commit()
    before = (folder / FILE).read_bytes()
    for _ in range(2):  # refused again, not locked out
        with pytest.raises(ConfigurationError, match="schema 7, this agent supports 6"):
            Journal(folder)
    assert [path.name for path in folder.glob("*set-aside*")] == []
    assert (folder / FILE).read_bytes() == before


@pytest.mark.parametrize("filters", ["5", "[[1]]", "{", "[" * 9999, "1e999", '{"a": 1}'])
def test_unreadable_topic_filters_are_damage(filters: str, database: OpenedDatabase):
    database.execute("INSERT OR REPLACE INTO meta VALUES ('filters', ?)", (filters,))
    with pytest.raises(DamagedError, match=r"agent\.sqlite3: "):
        database.abandoned(["a"])


def use(folder: Path) -> None:
    with closing(opened(folder)) as database:
        database.load()
        database.commit(Changes(entries=[entry(9, 9)]))


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE alarms SET state = '{'",
        "UPDATE alarms SET counters = x'0102'",
        'UPDATE cursors SET cursor = \'{"seq": "x"}\'',
        "DROP TABLE journal; CREATE TABLE journal (x)",
    ],
)
def test_invalid_content_is_damage(damage: str, folder: Path):
    with closing(sqlite3.connect(folder / FILE)) as db:
        db.executescript(damage)
    with pytest.raises(DamagedError, match=r"agent\.sqlite3: "):
        use(folder)


def test_what_version_1_wrote_is_read_and_is_no_more_of_version_1(folder: Path):
    """Evidence, gates, suppressions, periods and the times of the journal did not exist then."""
    vote = '{"bits": 5, "cast": 8}'
    old = f'{{"conditions": {{"ball": {{"state": "active_acked", "votes": {vote}, "seq": 7}}}}, "seq": 7}}'
    with closing(sqlite3.connect(folder / FILE)) as db:
        db.execute("UPDATE alarms SET state = ?", (old,))
        db.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
        db.execute("ALTER TABLE journal DROP COLUMN at_unix_s")
        db.execute("ALTER TABLE alarms DROP COLUMN counters")
        db.commit()
    with closing(opened(folder)) as database:
        expected = SensorState({"ball": Condition(State.ACTIVE_ACKED, Votes(5, 8), seq=7)}, seq=7)
        assert database.load().sensors["a"] == expected
        database.commit(Changes(published_id=3))
        assert ids(database) == [1, 2, 3], "nothing is a week old because it has no time"
    with closing(sqlite3.connect(folder / FILE)) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("6",)


@pytest.mark.parametrize("content", [b"no database " * 999, b"SQLite format 3\0" * 999])
def test_a_file_that_is_no_database_is_damage(content: bytes, tmp_path: Path):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(DamagedError, match=r"agent\.sqlite3: "):
        opened(tmp_path)


def test_a_page_that_was_overwritten_is_found(tmp_path: Path):
    with closing(opened(tmp_path)) as database:
        database.commit(Changes(entries=[entry(n, n) for n in range(1, 200)]))
    data = bytearray((tmp_path / FILE).read_bytes())
    data[-4096 * 3 :] = b"\xa5" * 4096 * 3
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(DamagedError, match=r"\A[^\n]+\Z"), closing(opened(tmp_path)) as database:
        database.check()


def test_a_journal_that_was_damaged_is_damage(folder: Path):
    file = folder / FILE
    file.write_bytes(file.read_bytes().replace(b"active_unacked", b"active_\xffnacked"))
    with closing(opened(folder)) as database, pytest.raises(DamagedError, match=r"agent\.sqlite3: Could not decode"):
        database.read(0, 9)


def test_a_disk_error_is_no_damage(folder: Path, database: OpenedDatabase):
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        database.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(StorageError, match="locked") as found:
            database.commit(Changes(entries=[entry(4, 8)]))
        assert type(found.value) is LockedError
    database.execute(f"PRAGMA max_page_count = {database.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StorageError, match="full") as found:
        database.commit(Changes(entries=[entry(n, n) for n in range(4, 200)]))
    assert type(found.value) is StorageError
    database.commit(Changes({"a": SensorState.new(["other"])}))


def test_a_healthy_sensor_takes_a_few_hundred_bytes_of_the_disk(folder: Path, database: OpenedDatabase):
    """It is written with each commit, and flash wears."""
    names = ("ball", "inner_race", "outer_race", "unknown", "sensor_fault", "silent")
    healthy = SensorState({name: Condition(votes=Votes(0, 8)) for name in names}, seq=7)
    database.commit(Changes({"a": healthy}))
    with closing(sqlite3.connect(folder / "agent.sqlite3")) as reader:
        (size,) = reader.execute("SELECT length(state) FROM alarms WHERE sensor = 'a'").fetchone()
    assert size < 300
    assert database.load().sensors["a"] == healthy


def test_the_past_boots_of_a_cursor_are_stored_under_the_key_of_earlier_versions(
    folder: Path, database: OpenedDatabase
):
    """A row of an earlier version is read, and written again with the same bytes."""
    row = '{"boot_id":7,"seq":5,"end_unix_ns":9,"lives":[[6,40,null],[4,3,8]],"fresh":true}'
    with closing(sqlite3.connect(folder / FILE)) as other, other:
        other.execute("INSERT OR REPLACE INTO cursors VALUES ('a', ?)", (row,))
    cursor = database.load().cursors["a"]
    boots = (PastBoot(6, 40, None), PastBoot(4, 3, 8))
    assert cursor == Cursor(7, 5, 9, past_boots=boots, fresh=True)
    database.commit(Changes({}, {"b": cursor}))
    with closing(sqlite3.connect(folder / FILE)) as other:
        assert other.execute("SELECT cursor FROM cursors WHERE sensor = 'b'").fetchone() == (row,)


def test_the_defaults_that_are_not_written_belong_to_the_schema_version():
    """A changed default changes the meaning of stored states: it needs a new SCHEMA_VERSION, and a new literal here."""
    assert (SCHEMA_VERSION, repr(SensorState({})), repr(Condition()), repr(Cursor())) == (
        "6",
        (
            "SensorState(conditions={}, seq=0, gate=Gate(running=False, settled_ns=0, rpm=None), period_s=0.0, "
            "commission=None, any_fault=AnyFault(votes=Votes(bits=0, cast=0), evidence=0.0, held_ns=0))"
        ),
        (
            "Condition(state=<State.NORMAL: 'normal'>, votes=Votes(bits=0, cast=0), evidence=0.0, held_ns=0, "
            "suppressed_by=None, seq=0, since_unix_ns=0, decided_unix_ns=0, label='', window_label='', confidence=0.0, "
            "count=0, of=0, weight=None, clock_synced=False, severity=None, active_ns=0, told=(), acked_by=None, "
            "shelved_until_unix_ns=0, out_of_service=False, by=None, comment=None, orphaned=False, "
            "false_alarm_seq=0)"
        ),
        (
            "Cursor(boot_id=0, seq=None, end_unix_ns=None, sample_rate_hz=None, past_boots=(), before=None, "
            "touched=False, fresh=False)"
        ),
    )
