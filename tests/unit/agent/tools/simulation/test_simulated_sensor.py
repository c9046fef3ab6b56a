from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.bundles import shipped
from drsn.agent.decision.diagnosis import Diagnosis
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.voting import Quorum
from drsn.agent.tools.simulation.simulated_sensor import (
    SimulatedSensor,
    count_false_alarms,
    drawn,
    first_alarm,
    poisson_upper_bound,
)
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.reading import Reading

CONTRACT = open_bundle(shipped("synthetic")).contract
POLICY = Policy.votes(Quorum(3, 3), Quorum(3, 3))


@pytest.fixture
def stretch(make_reading: Callable[..., Reading]) -> Callable[..., list[Diagnosis]]:
    """Windows of these conditions."""

    def make(*conditions: str) -> list[Diagnosis]:
        return [Diagnosis(make_reading(), name, name, 0.9, {}, {}, 0.0) for name in conditions]

    return make


def test_an_alarm_is_counted_when_it_is_raised_not_while_it_is_active(stretch):
    sensor = SimulatedSensor(CONTRACT, POLICY)
    raised = [sensor.raised(window) for window in stretch(*["ball"] * 5, *["normal"] * 3, *["ball"] * 3)]
    assert raised == [[], [], ["ball"], [], [], [], [], [], [], [], ["ball"]]


def test_alarms_of_the_sensor_and_of_the_model_are_no_machine_alarms(stretch):
    sensor = SimulatedSensor(CONTRACT, POLICY)
    windows = stretch(*["unknown"] * 8, *["sensor_fault"] * 8)
    assert [sensor.raised(window) for window in windows] == [[]] * 16


def test_whole_stretches_are_drawn_one_after_the_other(stretch):
    stretches = [stretch("ball", "normal"), stretch("normal", "normal")]
    windows = drawn(stretches, np.random.default_rng(1))
    pairs = {(next(windows).condition, next(windows).condition) for _ in range(50)}
    assert pairs == {("ball", "normal"), ("normal", "normal")}


def test_false_alarms_of_a_healthy_sensor_are_counted(stretch):
    stretches = [stretch(*["ball"] * 3, *["normal"] * 3)]
    steps = []
    count = count_false_alarms(
        SimulatedSensor(CONTRACT, POLICY), stretches, 60, np.random.default_rng(1), lambda: steps.append(1)
    )
    assert (count, len(steps)) == (10, 60)


def test_a_delay_counts_from_the_onset_within_a_window(stretch):
    healthy, faulty, rng = [stretch("normal")], [stretch("ball")], np.random.default_rng(1)
    found = [first_alarm(SimulatedSensor(CONTRACT, POLICY), healthy, faulty, 8, 20, rng) for _ in range(200)]
    assert {delay.condition for delay in found} == {"ball"}
    delays = [delay.windows for delay in found]
    assert (min(delays), max(delays)) == pytest.approx((3, 4), abs=0.05)


def test_a_fault_without_an_alarm_in_time_is_missed(stretch):
    missed = first_alarm(
        SimulatedSensor(CONTRACT, POLICY), [stretch("normal")], [stretch("unknown")], 8, 20, np.random.default_rng(1)
    )
    assert (missed.windows, missed.condition) == (np.inf, None)


@pytest.mark.parametrize(
    ("events", "bound"), [(0, 2.9957), (1, 4.7439), (10, 16.9622), (1000, 1053.6)], ids=["0", "1", "10", "1000"]
)
def test_the_bound_is_garwoods(events: int, bound: float):
    """Half of the 95th percentile of chi squared with 2 (events + 1) degrees of freedom."""
    assert poisson_upper_bound(events, 1.0) == pytest.approx(bound, rel=1e-4)
    assert poisson_upper_bound(events, 30.0) == pytest.approx(bound / 30, rel=1e-4)


@pytest.mark.parametrize(("reset_share", "raised"), [(0.0, "ball"), (1.0, None)])
def test_a_gap_before_each_window_leaves_no_votes_to_reach_a_quorum(reset_share: float, raised: str | None, stretch):
    """`POLICY` needs three windows."""
    healthy, faulty, sensor = [stretch("normal")], [stretch("ball")], SimulatedSensor(CONTRACT, POLICY)
    delay = first_alarm(sensor, healthy, faulty, 8, 20, np.random.default_rng(1), reset_share)
    assert delay.condition == raised
