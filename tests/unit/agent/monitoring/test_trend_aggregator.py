from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.trend_aggregator import TrendAggregator
from drsn.agent.monitoring.trend_record import COUNT, METRICS, empty, mean_of, most_of

windows = st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 1e3) | st.just(math.nan)), max_size=10)


@given(st.lists(windows, max_size=6), st.sampled_from([1, 7, 1024]))
def test_it_adds_up_each_sensor(batches: list[list[tuple[str, float]]], waiting_windows: int):
    aggregator, seen = TrendAggregator(waiting_windows), {}
    for batch in batches:
        if batch:
            names, values = zip(*batch, strict=True)
            aggregator.add(list(names), np.array(values)[:, np.newaxis] * np.ones(len(METRICS)))
        for name, value in batch:
            seen.setdefault(name, []).extend([value] * math.isfinite(value))
    taken = aggregator.take()
    assert set(taken) == {name for name, values in seen.items() if values}
    for name, record in taken.items():
        assert mean_of(record, "rms") == pytest.approx(np.mean(seen[name]))
        assert most_of(record, "peak") == max(seen[name])
    assert aggregator.take() == {}


def test_a_forgotten_sensor_leaves_nothing_to_the_next():
    aggregator, one = TrendAggregator(), np.ones((1, len(METRICS)))
    aggregator.add(["a"], one)
    aggregator.forget("a")
    aggregator.forget("never there")
    aggregator.add(["b"], one)
    assert aggregator.record("b")[:, COUNT].tolist() == [1] * len(METRICS)
    assert (aggregator.record("a") == empty(1)[0]).all()


def test_more_sensors_than_the_first_arrays_hold():
    aggregator = TrendAggregator()
    for at in range(300):
        aggregator.add([f"s{at}"], np.full((1, len(METRICS)), float(at)))
    assert {name: mean_of(record, "rms") for name, record in aggregator.take().items()} == {
        f"s{at}": float(at) for at in range(300)
    }
