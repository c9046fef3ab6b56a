from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.tools.web.history import MAX_POINTS, History, HistoryError, HistoryLimits, downsampled, set_aside
from drsn.agent.tools.web.minutes import MinuteRow

if TYPE_CHECKING:
    from pathlib import Path

NOW_S = 1_800_000_000.0
MINUTE = int(NOW_S // 60)


def history(path: Path | None = None, **limits: float) -> History:
    return History(path, HistoryLimits(**{"days": 30.0, **limits}))


def row(minute: int, rms: float = 1.0, sensor: str = "a", velocity: float | None = None) -> MinuteRow:
    return MinuteRow(sensor, minute, 1, rms, rms, velocity)


def event(number: int, sensor: str = "a") -> dict:
    return {"event_id": f"e-{number}", "sensor": sensor, "decided_at": f"2026-01-01T00:00:{number:02}.000Z"}


def test_rows_and_events_survive_a_restart(tmp_path: Path):
    first = history(tmp_path / "history.db")
    first.write([row(MINUTE - 1, 2.0, velocity=3.5), row(MINUTE - 1, 5.0, "b")], [event(1), event(2, "b")], NOW_S)
    first.close()
    second = history(tmp_path / "history.db")
    second.write([row(MINUTE - 1, 4.0)], [event(1)], NOW_S)
    assert second.trend("a", 24, NOW_S) == {
        "t": [pytest.approx((MINUTE - 1) * 60, abs=120)], "rms": [3.0], "rms_max": [4.0], "velocity_mm_s": [3.5],
        "step_s": 120,
    }  # fmt: skip
    assert [each["event_id"] for each in second.events(None, 10)] == ["e-2", "e-1"]
    assert [each["event_id"] for each in second.events("b", 10)] == ["e-2"]
    assert len(second.since(MINUTE - 60)) == 2
    assert second.since(MINUTE) == []
    second.close()


def test_what_is_old_or_too_much_is_deleted():
    found = history(days=1.0, minutes=100, events=3)
    found.write([row(MINUTE - 3000), *(row(MINUTE - number) for number in range(200))], [], NOW_S)
    found.write([], [event(1)], NOW_S - 2 * 86_400)
    found.write([], [event(number) for number in range(2, 9)], NOW_S)
    found.trim(NOW_S)
    kept = found.since(0)
    assert 50 <= len(kept) <= 100
    assert kept[-1].minute == MINUTE, "the newest stay"
    assert len(found.events(None, 10)) == 3


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0.001, 100)), min_size=1, max_size=200), st.integers(1, 60))
def test_merged_points_keep_the_mean_and_the_maximum(values: list[tuple[int, float]], step: int):
    rows = [row(minute, rms) for minute, rms in values]
    found = downsampled(rows, step)
    assert max(found["rms_max"]) == pytest.approx(max(rms for _, rms in values), rel=1e-4)
    assert all(mean <= top * (1 + 1e-4) for mean, top in zip(found["rms"], found["rms_max"], strict=True))
    assert found["t"] == sorted(set(found["t"]))


def test_a_trend_has_few_points_and_what_is_not_written_yet():
    found = history()
    found.write([row(MINUTE - number) for number in range(1, 7 * 1440, 3)], [], NOW_S)
    trend = found.trend("a", 7 * 24, NOW_S, [row(MINUTE, 9.0)])
    assert len(trend["t"]) <= MAX_POINTS + 2
    assert trend["rms_max"][-1] == 9.0
    assert found.trend("other", 24, NOW_S)["t"] == []


def test_another_version_and_a_damaged_file_are_errors(tmp_path: Path):
    path = tmp_path / "history.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(HistoryError, match="another version"):
        history(path)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(HistoryError, match="not a database"):
        history(path)
    assert [each.name for each in set_aside(path)] == ["history.db.damaged"]
    history(path).close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path):
    path = tmp_path / "history.db"
    found = history(path)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryError, match="locked"):
            found.write([row(MINUTE)], [event(1)], NOW_S)
        other.execute("ROLLBACK")
    other.close()
    assert found.events(None, 10) == []
    found.write([row(MINUTE)], [event(1)], NOW_S)
    assert len(found.events(None, 10)) == 1
    found.close()
