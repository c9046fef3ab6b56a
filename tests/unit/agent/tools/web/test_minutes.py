from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.tools.web import minutes
from drsn.agent.tools.web.minutes import MinuteRow, Minutes


def test_a_minute_ends_with_the_first_result_of_the_next_one():
    found = Minutes()
    assert found.add("a", 0.0, 1.0, None) is None
    assert found.add("a", 59.0, 3.0, 2.5) is None
    assert found.present("a") == MinuteRow("a", 0, 2, 4.0, 3.0, 2.5)
    assert found.add("a", 60.0, 9.0, None) == MinuteRow("a", 0, 2, 4.0, 3.0, 2.5)
    assert found.trend("a", 61.0) == [2.0, 9.0]
    assert found.trend("b", 61.0) == []
    assert found.take_all() == [MinuteRow("a", 1, 1, 9.0, 9.0, None)]
    assert found.present("a") is None


@given(st.lists(st.tuples(st.integers(0, 600), st.floats(0, 100)), min_size=1, max_size=100))
def test_no_result_is_lost(results: list[tuple[int, float]]):
    """Whatever the order of the times: rows of one minute may be added."""
    found, rows = Minutes(), []
    for at_s, rms in results:
        row = found.add("a", float(at_s), rms, None)
        rows += [] if row is None else [row]
    rows += found.take_all()
    assert sum(row.results for row in rows) == len(results)
    assert max(row.rms_max for row in rows) == max(rms for _, rms in results)


def test_the_trend_is_the_last_hour_with_its_gaps():
    found = Minutes()
    found.resume(MinuteRow("a", minute, 1, float(minute), float(minute), None) for minute in (1, 50, 100, 102))
    assert found.trend("a", 103 * 60.0) == [50.0, *[None] * 49, 100.0, None, 102.0, None]
    assert found.trend("a", 1e6) == []


def test_sensors_take_bounded_memory():
    found = Minutes()
    for number in range(minutes.MAX_SENSORS + 5):
        found.add(str(number), 0.0, 1.0, None)
    assert len(found.take_all()) == minutes.MAX_SENSORS
