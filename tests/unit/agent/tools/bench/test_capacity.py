from __future__ import annotations

import pytest

from drsn.agent.bundles import shipped
from drsn.agent.tools.bench.capacity import LOAD, Capacity, sensors, windows_per_s
from drsn.model.bundle import open_bundle

CONTRACT = open_bundle(shipped("cwru")).contract  # 2,048 samples at 12 kHz


def test_windows_that_overlap_are_more():
    assert windows_per_s(CONTRACT, 1.0) == pytest.approx(12_000 / 2048)
    assert windows_per_s(CONTRACT, 0.25) == pytest.approx(4 * 12_000 / 2048)


def test_sensors_follow_from_the_cost_of_a_window():
    assert sensors(1000, 5.0) == int(LOAD * 200)
    assert sensors(1000, 5.0, cores=4) == int(LOAD * 800)


def test_one_agent_is_bound_by_its_main_thread_and_the_device_by_its_cores():
    found = Capacity.of(CONTRACT, 1.0, wall_us=2000, cpu_us=1000, cores=4)
    rate = 12_000 / 2048
    assert found == Capacity(rate, int(LOAD * 500 / rate), int(LOAD * 4000 / rate), 4)
