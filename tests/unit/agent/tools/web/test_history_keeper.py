from __future__ import annotations

import shutil
import sqlite3
import time
from typing import TYPE_CHECKING

from web_page import soon

from drsn.agent.tools.web.history_keeper import WRITE_EVERY_S, HistoryKeeper
from drsn.agent.tools.web.minutes import MinuteRow

if TYPE_CHECKING:
    from pathlib import Path

EVENT = {"event_id": "e-1", "sensor": "a", "decided_at": "2026-01-01T00:00:00.000Z"}
ROW = MinuteRow("a", int(time.time() // 60), 1, 2.0, 2.0, None)


def test_what_waits_is_written_every_few_seconds_not_at_once(tmp_path: Path):
    keeper, begun_s = HistoryKeeper(tmp_path, 30), time.monotonic()
    keeper.add_event(EVENT)
    keeper.add_minute(ROW)
    keeper.tend(begun_s)
    with sqlite3.connect(tmp_path / "history.db") as other:
        assert other.execute("SELECT count(*) FROM event").fetchone() == (0,)
        keeper.tend(begun_s + WRITE_EVERY_S + 1)
        soon(lambda: other.execute("SELECT count(*) FROM event").fetchone() == (1,), 5)
    other.close()
    keeper.close()


def test_a_question_sees_what_waits_and_an_end_writes_it(tmp_path: Path):
    keeper = HistoryKeeper(tmp_path, 30)
    keeper.add_event(EVENT)
    assert keeper.ask(lambda history: history.events("a", 9)).result() == [EVENT]
    keeper.add_minute(ROW)
    keeper.close()
    again = HistoryKeeper(tmp_path, 30)
    assert again.ask(lambda history: history.since(0)).result() == [ROW]
    again.close()


def test_a_disk_that_fails_is_named_and_nothing_is_lost_when_it_heals(tmp_path: Path):
    keeper = HistoryKeeper(tmp_path, 30)
    assert keeper.problem is None
    with sqlite3.connect(tmp_path / "history.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        keeper.add_event(EVENT)
        keeper.tend(time.monotonic() + 2 * WRITE_EVERY_S)
        soon(lambda: keeper.problem, 5)
        assert "the history is not written: database is locked; free space" in keeper.problem
        other.execute("ROLLBACK")
    other.close()
    assert keeper.ask(lambda history: history.events(None, 9)).result() == [EVENT]
    assert (keeper.problem, keeper.lost) == (None, 0)
    keeper.close()


def test_a_folder_that_cannot_be_written_gives_a_history_in_memory(tmp_path: Path):
    (tmp_path / "file").write_text("")
    keeper = HistoryKeeper(tmp_path / "file" / "web", 30)
    assert "in memory only" in keeper.problem
    assert "--state-dir" in keeper.problem
    keeper.add_event(EVENT)
    assert keeper.ask(lambda history: history.events(None, 9)).result() == [EVENT]
    keeper.close()


def test_a_damaged_file_is_set_aside(tmp_path: Path):
    (tmp_path / "history.db").write_bytes(b"no database" * 1000)
    keeper = HistoryKeeper(tmp_path, 30)
    assert keeper.problem is None
    keeper.close()
    assert (tmp_path / "history.db.damaged").exists()
    shutil.rmtree(tmp_path)
