from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.sensor_faults import FAULT_NAMES
from drsn.agent.acquisition.window_batch import WindowBatch

times = st.integers(0, 2**62)
readings = st.builds(
    Reading,
    sensor=st.sampled_from("abc"),
    end_unix_ns=times,
    duration_ns=times,
    fresh=st.booleans(),
    rms=st.floats(0, 1e15),
    peak=st.floats(0, 1e15),
    unit=st.none() | st.just("g"),
    clock_synced=st.booleans(),
    advance_ns=times,
    rpm=st.none() | st.floats(0, 1e5),
    fault=st.none() | st.sampled_from(FAULT_NAMES),
    velocity_rms_mm_s=st.none() | st.floats(0, 1e5),
    kurtosis=st.none() | st.floats(1, 1e4),
)


@given(st.lists(readings, max_size=4), st.lists(readings, max_size=4))
def test_a_row_is_the_reading_that_was_appended(first: list[Reading], second: list[Reading]):
    batch = WindowBatch(4)
    for expected in (first, second):
        for reading in expected:
            batch.append(reading)
        assert [batch.reading(row) for row in range(batch.size)] == expected
        batch.clear()
        assert batch.size == 0
