from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.trend_record import METRICS, empty, mean_of, merged, most_of, record_of, stored_form

if TYPE_CHECKING:
    import numpy as np

values = st.lists(
    st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=len(METRICS), max_size=len(METRICS)), max_size=8
)


def made(rows: list[list[float]]) -> np.ndarray:
    """A record of windows, window by window."""
    record = empty(1)[0]
    for row in rows:
        for at, value in enumerate(row):
            if math.isfinite(value):
                record[at] = record[at, 0] + 1, record[at, 1] + value, max(record[at, 2], value)
    return record


@given(values, values)
def test_merged_is_the_record_of_all_windows(one: list[list[float]], other: list[list[float]]):
    assert merged(made(one), made(other)) == pytest.approx(made(one + other))


@given(values)
def test_the_stored_form_is_the_record(rows: list[list[float]]):
    record = made(rows)
    assert (record_of(stored_form(record)) == record).all()


def test_a_record_of_a_version_with_fewer_metrics_is_read():
    record = made([[1.0] * len(METRICS)])
    read = record_of(stored_form(record[:2]))
    assert (read[:2] == record[:2]).all()
    assert mean_of(read, METRICS[2]) is None


@pytest.mark.parametrize("damaged", [b"", b"\0" * 23, b"\0" * 24 * (len(METRICS) + 1)])
def test_a_damaged_record_is_empty(damaged: bytes):
    assert (record_of(damaged) == empty(1)[0]).all()


def test_mean_and_maximum():
    record = made([[1.0] * len(METRICS), [4.0] + [math.nan] * (len(METRICS) - 1)])
    assert (mean_of(record, METRICS[0]), most_of(record, METRICS[0])) == (2.5, 4.0)
    assert mean_of(record, METRICS[1]) == 1.0
    assert mean_of(empty(1)[0], METRICS[0]) is most_of(empty(1)[0], METRICS[0]) is None
