from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from events import SENSOR
from faulty_disk import OpenedDatabase
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.monitoring.trend_record import COUNT, METRICS, SUM, empty, mean_of
from drsn.agent.storage.database import Changes
from drsn.agent.storage.journal import FILE
from drsn.agent.storage.trend_table import DAY_S, HOUR_S, KEPT_S, StoredTrend, TrendRow, read

if TYPE_CHECKING:
    from pathlib import Path

T0 = 20_000 * DAY_S


def row(hour: int, value: float, sensor: str = "a", windows: int = 1) -> TrendRow:
    record = empty(1)[0]
    record[:, COUNT], record[:, SUM], record[:, 2] = windows, windows * value, value
    return TrendRow(sensor, T0 + hour * HOUR_S, record)


def trends(database: OpenedDatabase, sensor: str) -> list[StoredTrend]:
    return database.query(lambda execute: read(execute, sensor))


def rows_of(database: OpenedDatabase, seconds: int, sensor: str = "a") -> list[tuple[int, float]]:
    found = [each for each in trends(database, sensor) if each.seconds == seconds]
    return [((each.start_unix_s - T0) // seconds, mean_of(each.record, "rms")) for each in found]


@pytest.fixture
def database(tmp_path: Path) -> OpenedDatabase:
    return OpenedDatabase(tmp_path / FILE, "e")


def test_parts_of_an_hour_and_of_a_day_are_merged(database: OpenedDatabase):
    database.commit(Changes(trends=[row(0, 1.0), row(0, 4.0, windows=2), row(1, 5.0)]))
    database.commit(Changes(trends=[row(1, 7.0), row(24, 9.0)]))
    assert rows_of(database, HOUR_S) == [(0, 3.0), (1, 6.0), (24, 9.0)]
    assert rows_of(database, DAY_S) == [(0, pytest.approx(21 / 5)), (1, 9.0)]


def test_it_is_bounded(database: OpenedDatabase):
    """More hours than are kept; the days of two years."""
    days = KEPT_S[DAY_S] // DAY_S
    database.commit(Changes(trends=[row(24 * day, 1.0) for day in range(days + 30)]))
    database.commit(Changes(trends=[row(24 * (days + 30) + hour, 1.0) for hour in range(400)]))
    hours = [each for each in trends(database, "a") if each.seconds == HOUR_S]
    assert len(hours) == KEPT_S[HOUR_S] // HOUR_S + 1
    assert len(trends(database, "a")) - len(hours) in (days, days + 1)


def test_a_forgotten_sensor_has_no_trend(database: OpenedDatabase):
    database.commit(Changes({"a": SENSOR, "b": SENSOR}, trends=[row(0, 1.0), row(0, 1.0, "b")]))
    database.commit(Changes({"a": SensorState({})}))
    assert trends(database, "a") == []
    assert len(trends(database, "b")) == 2


def test_a_damaged_record_is_replaced(database: OpenedDatabase):
    database.commit(Changes(trends=[row(0, 1.0)]))
    database.execute("UPDATE trends SET record = x'00'")
    database.commit(Changes(trends=[row(0, 2.0)]))
    assert rows_of(database, HOUR_S) == [(0, 2.0)]


def test_a_database_of_a_version_without_trends_gets_the_table(tmp_path: Path):
    first = OpenedDatabase(tmp_path / FILE, "e")
    first.execute("DROP TABLE trends")
    first.close()
    second = OpenedDatabase(tmp_path / FILE, "e")
    second.commit(Changes(trends=[row(0, 1.0)]))
    assert len(trends(second, "a")) == 2


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 10)), max_size=20))
def test_the_days_are_the_sums_of_all_windows(tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, float]]):
    database = OpenedDatabase(tmp_path_factory.mktemp("t") / FILE, "e")
    for hour, value in parts:
        database.commit(Changes(trends=[row(hour, value)]))
    for seconds in KEPT_S:
        expected: dict[int, list[float]] = {}
        for hour, value in parts:
            expected.setdefault(hour * HOUR_S // seconds, []).append(value)
        assert dict(rows_of(database, seconds)) == pytest.approx({k: np.mean(v) for k, v in expected.items()})
    database.close()
    assert len(METRICS) == 6
