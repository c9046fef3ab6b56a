"""The sample rate of packets that do not state it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.tools.init.rate_estimate import COMMON_HZ, Arrivals, PacketTime, rate_estimate

SAMPLES = 512


def times(rate_hz: float, count: int, *, t0_step_ns: int = 0) -> list[PacketTime]:
    period_s = SAMPLES / rate_hz
    rounded = [round(at * period_s * 1e9 / t0_step_ns) * t0_step_ns if t0_step_ns else None for at in range(count)]
    return [PacketTime("t", at * period_s, SAMPLES, t0, at) for at, t0 in enumerate(rounded)]


@given(st.sampled_from([rate for rate in COMMON_HZ if 1600 <= rate <= 51_200]))
def test_times_in_whole_milliseconds_give_the_rate(rate_hz: int):
    found = rate_estimate(times(rate_hz, 100, t0_step_ns=1_000_000), {})
    assert found is not None
    assert found.rate_hz == pytest.approx(rate_hz, rel=0.01)
    assert found.by == "from t0"


def test_all_messages_of_a_topic_count_not_only_those_that_are_kept():
    kept = times(12_000, 20)
    found = rate_estimate(kept, {"t": Arrivals(0.0, 10.0, 235)})
    assert found is not None
    assert (found.rate_hz, found.common) == (12_000, True)
    assert "estimated from the times of receipt" in found.shown


def test_a_rate_of_no_data_sheet_is_not_common():
    found = rate_estimate(times(12_000, 20), {"t": Arrivals(0.0, 10.0, 140)})
    assert found is not None
    assert not found.common


def test_too_few_packets_give_none():
    assert rate_estimate(times(12_000, 3), {"t": Arrivals(0.0, 10.0, 3)}) is None
    assert rate_estimate(times(12_000, 30), {"t": Arrivals(0.0, 0.5, 30)}) is None
