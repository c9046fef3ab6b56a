from __future__ import annotations

import pytest
from events import event

from drsn.agent.storage.database import Entry, Snapshot
from drsn.agent.storage.event_log import EventLog


def ids(entries: list[Entry] | None) -> list[int] | None:
    return None if entries is None else [entry.id for entry in entries]


def add(log: EventLog, count: int) -> None:
    log.append(event(log.last_id + number) for number in range(1, count + 1))
    log.trim()


@pytest.fixture
def log() -> EventLog:
    """It continues after ten events, of which the broker has confirmed seven."""
    made = EventLog(5)
    made.resume(Snapshot("e", published_id=7, last_id=10))
    return made


def test_ids_continue_where_the_last_run_ended(log: EventLog):
    assert ids(log.append([event(1), event(2)])) == [11, 12]
    assert (log.last_id, log.unpublished(), log.lost) == (12, 5, 0)


def test_events_that_are_not_in_memory_are_left_to_the_disk(log: EventLog):
    add(log, 3)
    assert ids(log.read(9, 9)) is None
    assert ids(log.read(10, 2)) == [11, 12]
    assert ids(log.read(13, 9)) == []


def test_an_event_leaves_memory_when_it_is_written_and_published(log: EventLog):
    add(log, 3)
    log.written(published_id=7, deleted=0)
    log.published_id = 12
    log.trim()
    assert (ids(log.read(12, 9)), ids(log.read(11, 9)), log.unwritten()) == ([13], None, [])
    assert log.cursor_changed
    log.written(published_id=12, deleted=0)
    assert not log.cursor_changed


def test_the_oldest_above_the_limit_are_lost_if_they_are_not_written(log: EventLog):
    add(log, 7)
    assert (ids(log.unwritten()), log.lost, log.unpublished()) == ([13, 14, 15, 16, 17], 5, 5)
    log.written(published_id=7, deleted=0)
    add(log, 2)
    assert (ids(log.read(14, 9)), log.lost) == ([15, 16, 17, 18, 19], 5), "those on the disk are not lost"


def test_unpublished_events_that_the_journal_deletes_are_lost(log: EventLog):
    add(log, 1)
    log.written(published_id=7, deleted=2)
    assert (log.lost, log.unpublished()) == (2, 2)


def test_salvaged_events_come_before_those_in_memory(log: EventLog):
    add(log, 2)
    assert log.missing() == (7, 3)
    log.prepend([Entry(number, "a", number, b"") for number in (8, 9, 10)])
    assert (ids(log.read(7, 9)), ids(log.unwritten()), log.lost) == ([8, 9, 10, 11, 12], [8, 9, 10, 11, 12], 0)


def test_salvaged_events_with_a_gap_are_lost(log: EventLog):
    add(log, 2)
    log.prepend([Entry(number, "a", number, b"") for number in (8, 10)])
    assert (ids(log.read(10, 9)), log.lost) == ([11, 12], 3)
