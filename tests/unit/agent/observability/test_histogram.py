from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.observability.histogram import BOUNDS_S, Histogram
from drsn.agent.observability.metrics import Latencies

DURATIONS = st.lists(st.floats(0, 100) | st.sampled_from(BOUNDS_S), max_size=50)


@given(st.lists(DURATIONS, max_size=5))
def test_each_bucket_counts_the_durations_up_to_its_bound(groups: list[list[float]]):
    histogram = Histogram()
    for group in groups:
        histogram.add_all(group)
    durations = [each for group in groups for each in group]
    expected = [(bound, sum(each <= bound for each in durations)) for bound in (*BOUNDS_S, math.inf)]
    assert histogram.cumulative() == expected
    assert math.isclose(histogram.sum_s, sum(durations))


def test_latencies_fill_the_histogram_where_one_is_kept():
    latencies = Latencies()
    latencies.add(1.0)
    latencies.histogram = Histogram((0.5,))
    latencies.add(0.2)
    latencies.add_all([0.3, 0.7])
    assert latencies.histogram.cumulative() == [(0.5, 2), (math.inf, 3)]
