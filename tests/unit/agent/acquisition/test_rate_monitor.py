from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.continuity import PAUSE_NS
from drsn.agent.acquisition.rate_monitor import RateMonitor
from drsn.agent.acquisition.sensor_faults import RATE_TOLERANCE

DECLARED_HZ = 12_000.0


def monitored(true_hz: float, packets: int, n_samples: int = 2048, jitter_ns: list[int] | None = None) -> RateMonitor:
    monitor = RateMonitor()
    for index in range(packets):
        late_ns = jitter_ns[index % len(jitter_ns)] if jitter_ns else 0
        t0 = 10**18 + round(index * n_samples / true_hz * 1e9) + late_ns
        monitor.add(t0, n_samples, DECLARED_HZ, touches=index > 0)
    return monitor


@pytest.mark.parametrize("true_hz", [10_000.0, 11_990.0, 12_000.0, 14_400.0])
def test_the_rate_is_measured_over_ten_seconds_of_packets(true_hz: float):
    assert monitored(true_hz, 100).error == pytest.approx(true_hz / DECLARED_HZ - 1, abs=1e-6)


def test_before_that_the_error_is_0():
    assert monitored(10_000.0, 40).error == 0


@given(
    seconds=st.sampled_from([0.02, 0.17, 3.0]),
    late=st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=9),
)
def test_times_that_jitter_as_far_as_packets_may_are_no_wrong_rate(seconds: float, late: list[float]):
    """Packets that touch are off by half a packet, or 10 ms, at most."""
    most_ns = max(PAUSE_NS, seconds * 1e9 / 2)
    monitor = monitored(DECLARED_HZ, 1200, round(seconds * DECLARED_HZ), [round(part * most_ns) for part in late])
    assert abs(monitor.error) <= RATE_TOLERANCE


def test_a_gap_begins_a_new_measurement_and_a_packet_without_a_time_ends_it():
    monitor = RateMonitor()
    for index in range(200):
        t0 = 10**18 + round(index * 2048 / 10_000 * 1e9)
        monitor.add(t0, 2048, DECLARED_HZ, touches=index % 40 > 0)
    assert monitor.error == 0
    monitor = monitored(10_000.0, 100)
    monitor.add(None, 2048, DECLARED_HZ, touches=True)
    assert monitor.error != 0, "the last measurement is kept"
