from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drsn.agent import store as store_module
from drsn.agent.alarms import Condition, Sensor, State
from drsn.agent.continuity import Cursor
from drsn.agent.documents import BundleReference, EventDocument
from drsn.agent.gate import Gate
from drsn.agent.store import Store
from drsn.agent.votes import MAX_WINDOWS, Votes
from drsn.model.contract import Severity
from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BALL = Condition(
    State.ACTIVE_ACKED,
    Votes(5, 8),
    evidence=3.5,
    held_ns=2,
    suppressed_by="gate",
    seq=7,
    label="ball_007",
    weight=21.25,
)
SENSOR = Sensor({"ball": BALL}, seq=7, gate=Gate(running=True, settled_ns=5, rpm=1797.5), period_s=0.17)
CURSOR = Cursor(boot_id=3, seq=2**32 - 1, end_unix_ns=2**62, touched=True)


def event(seq: int, sensor: str = "a") -> EventDocument:
    return EventDocument(
        agent="x", epoch="e", sensor=sensor, seq=seq, bundle=BundleReference(name="b", version="1", sha256="0" * 64),
        condition="ball", label="ball", event_id=f"{sensor}{seq}", state=State.ACTIVE_UNACKED, active=True, acked=False,
        severity=Severity.MAJOR, since="", decided_at="", clock_synced=True, confidence=1, votes=1, of=1,
        window_label="ball",
    )  # fmt: skip


def ids(store: Store, after_id: int = 0) -> list[int]:
    return [entry.id for entry in store.journal(after_id, 99)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a first run left behind: two sensors and three events, the first of them published."""
    with closing(Store(tmp_path)) as store:
        store.commit({"a": SENSOR, "b": Sensor.new(["ball"])}, {"a": CURSOR}, [event(6), event(7), event(1, "b")])
        store.mark_published(1)
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """The second run's."""
    with closing(Store(folder)) as opened:
        yield opened


def test_a_new_directory_remembers_nothing_and_has_an_epoch_of_its_own(tmp_path: Path):
    with closing(Store(tmp_path / "new" / "one")) as one, closing(Store(tmp_path / "two")) as two:
        assert one.load().epoch != two.load().epoch
        assert (one.load().sensors, one.load().cursors, one.journal(0, 9)) == ({}, {}, [])
        assert (one.published_id, one.unpublished()) == (0, 0)


def test_a_second_run_goes_on_where_the_first_stopped(store: Store):
    remembered = store.load()
    assert remembered.sensors == {"a": SENSOR, "b": Sensor.new(["ball"])}
    assert remembered.cursors == {"a": CURSOR}
    assert (store.published_id, store.unpublished()) == (1, 2)
    assert [entry.event for entry in store.journal(1, 9)] == [
        event(7).model_dump_json().encode(),
        event(1, "b").model_dump_json().encode(),
    ]


def test_the_epoch_lasts(folder: Path):
    epochs = []
    for _ in range(2):
        with closing(Store(folder)) as store:
            epochs.append(store.load().epoch)
    assert len(set(epochs)) == 1


def test_the_journal_is_read_from_its_cursor_in_order_and_in_parts(store: Store):
    assert [entry.id for entry in store.journal(0, 2)] == [1, 2]
    assert [(entry.id, entry.sensor) for entry in store.journal(2, 9)] == [(3, "b")]


def test_a_later_state_replaces_the_earlier_and_leaves_other_sensors_alone(store: Store):
    later = Sensor(SENSOR.conditions, seq=8)
    store.commit({"a": later}, {"b": CURSOR}, [])
    assert store.load().sensors == {"a": later, "b": Sensor.new(["ball"])}
    assert store.load().cursors == {"a": CURSOR, "b": CURSOR}


def failing() -> Iterator[EventDocument]:
    yield event(8)
    raise RuntimeError


@pytest.mark.parametrize(
    ("events", "error"), [([event(8), event(7)], StorageError), (failing(), RuntimeError)], ids=["seq repeats", "bug"]
)
def test_a_commit_writes_all_or_nothing(events: Iterable[EventDocument], error: type[Exception], store: Store):
    before = store.load(), store.journal(0, 99)
    with pytest.raises(error):
        store.commit({"a": Sensor.new(["other"])}, {"a": Cursor()}, events)
    assert (store.load(), store.journal(0, 99)) == before
    store.commit({}, {}, [event(8)])  # and the next one is not hindered


def test_what_is_not_committed_is_not_remembered_by_others(folder: Path, store: Store):
    """Another reader sees each commit whole, as a power cut would leave it."""
    store.commit({"a": Sensor.new(["other"])}, {}, [event(8)])
    with closing(sqlite3.connect(folder / "agent.sqlite3")) as reader:
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
@settings(max_examples=40)
def test_every_state_comes_back_as_it_went(condition: Condition):
    sensor = Sensor({"ball": condition}, seq=2**40)
    with TemporaryDirectory() as path, closing(Store(Path(path))) as store:
        store.commit({"é/\0": sensor}, {}, [])
        assert store.load().sensors == {"é/\0": sensor}


def test_the_oldest_published_events_go_and_no_other(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "JOURNAL_ROWS", 2)
    store.commit({}, {}, [event(seq) for seq in range(8, 12)])  # 4 to 7
    assert ids(store) == [1, 2, 3, 4, 5, 6, 7]
    store.mark_published(5)
    assert (store.published_id, store.unpublished(), ids(store)) == (5, 2, [4, 5, 6, 7])


def test_an_id_is_never_given_twice(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "JOURNAL_ROWS", 0)
    with closing(Store(folder)) as store:
        store.mark_published(3)
        assert ids(store) == []
    with closing(Store(folder)) as again:
        again.commit({}, {}, [event(8)])
        assert ids(again) == [4]
        assert again.unpublished() == 1


def test_a_second_agent_is_kept_out_until_the_first_is_gone(folder: Path):
    with closing(Store(folder)), pytest.raises(ConfigurationError, match="another agent uses it; give each its own"):
        Store(folder)
    Store(folder).close()


def use(folder: Path) -> None:
    with closing(Store(folder)) as store:
        store.load()
        store.commit({}, {}, [event(9)])


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        ("UPDATE meta SET value = '4' WHERE key = 'schema'", ConfigurationError, "schema 4, this agent knows 3"),
        ("UPDATE alarms SET state = '{'", StorageError, "move it away"),
        ('UPDATE cursors SET cursor = \'{"seq": "x"}\'', StorageError, "move it away"),
        ("DROP TABLE journal; CREATE TABLE journal (x)", StorageError, "journal"),
    ],
)
def test_what_another_version_or_an_accident_wrote_is_refused(
    damage: str, error: type[Exception], said: str, folder: Path
):
    with closing(sqlite3.connect(folder / "agent.sqlite3")) as db:
        db.executescript(damage)
    for _ in range(2):  # refused again, not locked out
        with pytest.raises(error, match=said):
            use(folder)


def test_what_version_1_wrote_is_read_and_is_no_more_of_version_1(folder: Path):
    """Evidence, gates, suppressions and periods did not exist then."""
    vote = '{"bits": 5, "cast": 8}'
    old = f'{{"conditions": {{"ball": {{"state": "active_acked", "votes": {vote}, "seq": 7}}}}, "seq": 7}}'
    with closing(sqlite3.connect(folder / "agent.sqlite3")) as db:
        db.execute("UPDATE alarms SET state = ?", (old,))
        db.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
        db.commit()
    with closing(Store(folder)) as store:
        expected = Sensor({"ball": Condition(State.ACTIVE_ACKED, Votes(5, 8), seq=7)}, seq=7)
        assert store.load().sensors["a"] == expected
    with closing(sqlite3.connect(folder / "agent.sqlite3")) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("3",)


@pytest.mark.parametrize("content", [b"no database " * 999, b"SQLite format 3\0" * 999])
def test_a_file_that_is_no_database_is_refused_and_kept(content: bytes, tmp_path: Path):
    file = tmp_path / "agent.sqlite3"
    file.write_bytes(content)
    with pytest.raises(StorageError, match=r"agent\.sqlite3: .*; move it away to start anew"):
        Store(tmp_path)
    assert file.read_bytes() == content


def test_a_journal_that_was_damaged_is_a_matter_of_storage(folder: Path):
    file = folder / "agent.sqlite3"
    file.write_bytes(file.read_bytes().replace(b"active_unacked", b"active_\xffnacked"))
    with closing(Store(folder)) as store, pytest.raises(StorageError, match=r"agent\.sqlite3: Could not decode"):
        store.journal(0, 9)


def test_a_state_directory_that_can_not_be_one_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"state directory .*file: "):
        Store(tmp_path / "file")
    (tmp_path / "agent.sqlite3").mkdir()
    with pytest.raises(StorageError, match=r"agent\.sqlite3: unable to open"):
        Store(tmp_path)
