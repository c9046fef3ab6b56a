"""Batches in arrays lead to the same states and changes, bit for bit, as one window at a time (twin_engines.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import settings
from twin_engines import (
    BALL,
    HEALTHY,
    MOST_WINDOWS,
    PROBABILITIES,
    SENSORS,
    STRANGE,
    VOTES,
    WINDOW_NS,
    Twins,
    batch_of,
    begun,
)

from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.severity import Urgency
from drsn.agent.decision.voting import MAX_WINDOWS, Quorum
from drsn.agent.monitoring.findings import NO_MONITOR, NOT_EVALUATED, OBSERVED, VIBRATION_LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.decision.alarm_state import SensorState

TestTwins = Twins.TestCase
TestTwins.settings = settings(stateful_step_count=25)


class RestingTwins(Twins):
    """As the twins, but all sensors are at rest in the beginning: more healthy windows would change nothing."""

    def _start(self, sensors: dict[str, SensorState]) -> None:
        super()._start(sensors)
        if not sensors:
            come_to_rest(self)


TestRestingTwins = RestingTwins.TestCase
TestRestingTwins.settings = settings(stateful_step_count=8, max_examples=4)


def come_to_rest(twins: Twins) -> None:
    """Feed so many healthy windows that the counts of votes are full; nothing is compared meanwhile."""
    batch, outputs, findings = batch_of([(name, *HEALTHY) for name in SENSORS])
    diagnoses = twins.interpret.columns(batch, outputs, findings)
    for _ in range(MAX_WINDOWS + 2):
        twins.arrays.feed_batch(diagnoses, [twins.now_ns] * len(SENSORS))
        for row in range(len(SENSORS)):
            twins.reference.feed(diagnoses.diagnosis(row), twins.now_ns)


@pytest.mark.parametrize(
    ("few_rows", "threshold_nats", "observed"), [(0, None, OBSERVED), (0, 6.0, ()), (2, 6.0, OBSERVED), (2, None, ())]
)
def test_sensors_come_to_rest_and_each_window_that_counts_ends_it(
    few_rows: int, threshold_nats: float | None, observed: Sequence[str]
):
    rule = AlarmRule(Quorum(2, 3), Quorum(2, 3), threshold_nats)
    twins = begun(Policy(rule, VOTES), few_rows, observed)
    come_to_rest(twins)
    table, rows = twins.arrays.sensors, [(name, *HEALTHY) for name in SENSORS]
    assert table.at_rest[: len(SENSORS)].all()
    with patch.object(twins.arrays._counter, "count", side_effect=AssertionError("the windows are counted")):
        twins.batch(rows)
        twins.the_states_are_equal()
    unsure, hardly = ([0.4, 0.2, 0.2, 0.2], *HEALTHY[1:]), ([0.55, 0.2, 0.0, 0.25], *HEALTHY[1:])
    sensor_fault, fresh = (*HEALTHY[:2], "flat", *HEALTHY[3:]), (*HEALTHY[:3], True, *HEALTHY[4:])
    for window in (BALL, STRANGE, sensor_fault, fresh, unsure, hardly):
        for times in (1, 2, 3):
            twins.batch([(SENSORS[0], *window), *rows[1:]] * times)
            twins.the_states_are_equal()
    come_to_rest(twins)
    assert table.at_rest[: len(SENSORS)].all()


def test_a_sensor_with_an_alarm_or_a_gate_never_rests():
    """The time of an alarm goes on, and so does that of a gate."""
    gate = Policy(VOTES, VOTES, limits=GateLimits(rms=0.5))
    for policy, name, window in ((Policy(VOTES, VOTES), "a", BALL), (gate, "b", HEALTHY)):
        twins = begun(policy, 0)
        come_to_rest(twins)
        for _ in range(4):
            twins.batch([(name, *window)] * 3)
        assert not twins.arrays.sensors.at_rest[twins.arrays.sensors.slot(name)]


@pytest.mark.parametrize("few_rows", [0, 99])
def test_evidence_of_an_earlier_rule_goes_with_the_next_window_that_counts(few_rows: int):
    """The settings have changed from the sequential rule to votes; the first window after it is an abstention."""
    votes = AlarmRule(Quorum(3, 3), Quorum(3, 3))
    twins = begun(Policy(replace(votes, threshold_nats=20.0), votes), few_rows)
    twins.batch([("a", *BALL)] * 2)
    assert twins.reference.sensors["a"].conditions["ball"].evidence > 0
    twins.restart(dict.fromkeys(SENSORS, Policy(votes, votes)))
    for window in (STRANGE, HEALTHY, HEALTHY):
        twins.batch([("a", *window)])
        twins.the_states_are_equal()


@pytest.mark.parametrize("few_rows", [0, 99])
def test_an_alarm_that_stands_does_not_need_the_path_of_one_window(few_rows: int):
    """Every window of a bundle that was not trained on this machine is `unknown`: that must not cost more."""
    twins = begun(Policy(VOTES, VOTES, urgency=Urgency(escalate_after_ns=60 * WINDOW_NS)), few_rows)
    rows = [(name, *STRANGE) for name in SENSORS for _ in range(3)]
    twins.batch(rows)
    assert [list(state.standing) for state in twins.arrays.sensors.values()] == [["unknown"]] * len(SENSORS)
    with patch.object(twins.arrays._batches, "_feed", side_effect=AssertionError("the path of one window")):
        for _ in range(5):
            twins.batch(rows)
            twins.the_states_are_equal()


@pytest.mark.parametrize("few_rows", [0, 99])
@pytest.mark.parametrize("threshold_nats", [None, 6.0])
def test_a_machine_with_two_faults_has_an_alarm_and_costs_no_more(few_rows: int, threshold_nats: float | None):
    """Windows that name other faults meet the rule of the alarm that stands for a clear, over and over."""
    twins = begun(Policy(AlarmRule(Quorum(3, 4), Quorum(2, 4), threshold_nats), VOTES), few_rows)
    inner_race = (PROBABILITIES[1], *BALL[1:])
    in_turn = [(name, *window) for name in SENSORS for window in (BALL, inner_race)]
    for _ in range(2):
        twins.batch(in_turn)
    standing = [list(state.standing) for state in twins.arrays.sensors.values()]
    assert [len(names) for names in standing] == [1] * len(SENSORS)
    with patch.object(twins.arrays._batches, "_feed", side_effect=AssertionError("the path of one window")):
        for _ in range(5):
            twins.batch(in_turn)
            twins.the_states_are_equal()
    for _ in range(2):
        twins.batch([(name, *HEALTHY) for name in SENSORS for _ in range(2)])
    assert not any(state.standing for state in twins.arrays.sensors.values())
    twins.the_states_are_equal()


@pytest.mark.parametrize("few_rows", [0, 99])
def test_a_commissioning_gets_the_windows_of_batches(few_rows: int):
    twins = begun(Policy(VOTES, VOTES), few_rows)
    twins.batch([("a", *HEALTHY)] * MOST_WINDOWS)
    twins.commission("a", gate=True, undo=False)
    for _ in range(4):
        twins.tick(1.0, 1, connected=True)
        twins.batch([("a", *HEALTHY)] * MOST_WINDOWS)
    twins.tick(1.0, 1, connected=True)
    assert twins.arrays.sensors["a"].commission is not None
    twins.the_states_are_equal()


@pytest.mark.parametrize("few_rows", [0, 99])
def test_the_period_of_a_sensor_is_kept_beside_one_that_changes(few_rows: int):
    twins = begun(Policy(VOTES, VOTES), few_rows)
    for seconds in (1.0, 0.3, 5.0, 1.7):
        twins.batch([("a", *HEALTHY), ("b", *BALL), ("c", *HEALTHY)])
        twins.the_states_are_equal()
        twins.tick(seconds, 2, connected=True)
    assert twins.arrays.sensors["a"].period_s > 1


def test_a_batch_without_a_window_changes_nothing():
    twins = begun(Policy(VOTES, VOTES), 4)
    decisions = twins.arrays.feed_batch(twins.interpret.columns(*batch_of([])), 0)
    assert (decisions.outcomes, len(decisions.after), decisions.before_cold) == ([], 0, [])


def observed(changed: float, level: float = NO_MONITOR, bearing: tuple[float, ...] | None = None) -> tuple[object, ...]:
    """A healthy window in which the monitors found this."""
    return (*HEALTHY[:-3], changed, level, bearing)


MONITORED = Policy(VOTES, VOTES, changed=replace(VOTES, threshold_nats=8.0), vibration_level=VOTES)


@pytest.mark.parametrize("few_rows", [0, 99])
def test_monitors_raise_their_conditions_by_their_own_rules(few_rows: int):
    twins = begun(MONITORED, few_rows)
    for times, window, standing in (
        (2, observed(-9.0, -1.0), []),
        (1, observed(9.0, 0.1), []),
        (1, observed(9.0, 0.1), ["changed", "vibration_level"]),
        (5, observed(NOT_EVALUATED, NOT_EVALUATED), ["changed", "vibration_level"]),
        (2, observed(-9.0, -0.1), []),
    ):
        twins.batch([("a", *window)] * times)
        assert list(twins.reference.sensors["a"].standing) == standing
        twins.the_states_are_equal()
    changed, level = (twins.reference.sensors["a"].conditions[name] for name in OBSERVED)
    assert (changed.label in ("level", "band"), level.label[:4]) == (True, "zone")


@pytest.mark.parametrize("few_rows", [0, 99])
@pytest.mark.parametrize("without", [OBSERVED, ()])
def test_a_condition_without_its_monitor_ends(few_rows: int, without: Sequence[str]):
    """A baseline was removed, or the agent has no monitor any more."""
    twins = begun(MONITORED, few_rows)
    twins.batch([("a", *observed(9.0, 9.0))] * 3)
    assert list(twins.reference.sensors["a"].standing) == [*OBSERVED]
    twins.restart(None, without)
    twins.batch([("a", *HEALTHY)] * 3)
    assert not twins.reference.sensors["a"].standing
    twins.the_states_are_equal()


@pytest.mark.parametrize("few_rows", [0, 99])
def test_a_sensor_without_a_monitor_has_no_condition_of_monitors(few_rows: int):
    twins = begun(MONITORED, few_rows)
    rows = [("a", *HEALTHY), ("b", *observed(-1.0)), ("c", *observed(NOT_EVALUATED, 1.0))]
    twins.batch(rows)
    sensors = twins.arrays.sensors
    assert [[n for n in OBSERVED if n in sensors[name].conditions] for name in "abc"] == [
        [],
        ["changed"],
        [OBSERVED[1]],
    ]
    with patch.object(twins.arrays._batches, "_feed", side_effect=AssertionError("the path of one window")):
        twins.batch([("a", *HEALTHY), ("b", *observed(-1.0)), ("c", *observed(NOT_EVALUATED, -1.0))])
        twins.the_states_are_equal()


@pytest.mark.parametrize("few_rows", [0, 99])
def test_a_higher_zone_while_the_level_stands_is_one_event(few_rows: int):
    twins = begun(MONITORED, few_rows)
    window = ("a", *observed(NO_MONITOR, 9.0))
    twins.batch([window] * 2)
    seen = []
    for _ in range(6):  # the zone of a window is that of its row: B, C, D
        twins.batch([window] * 3)
        level = twins.reference.sensors["a"].conditions[VIBRATION_LEVEL]
        seen.append((level.label, level.seq))
        twins.the_states_are_equal()
    assert len(set(seen)) == 1
    assert level.label == "zone_d"
    assert level.severity is not None
    with patch.object(twins.arrays._batches, "_feed", side_effect=AssertionError("the path of one window")):
        twins.batch([window] * 3)


@pytest.mark.parametrize("few_rows", [0, 99])
def test_a_sensor_fault_rests_the_conditions_of_monitors(few_rows: int):
    twins = begun(MONITORED, few_rows)
    twins.batch([("a", *observed(9.0, 9.0))])
    before = [twins.reference.sensors["a"].conditions[name] for name in OBSERVED]
    twins.batch([("a", *HEALTHY[:2], "flat", *HEALTHY[3:-3], 9.0, 9.0, None)])
    assert [twins.reference.sensors["a"].conditions[name] for name in OBSERVED] == before
    twins.the_states_are_equal()


@pytest.mark.parametrize("few_rows", [0, 99])
def test_a_condition_that_begins_without_a_change_counts_from_then_on(few_rows: int):
    twins = begun(replace(MONITORED, vibration_level=AlarmRule(Quorum(3, 3), Quorum(3, 3))), few_rows)
    for level in (NO_MONITOR, 1.0, NO_MONITOR, 1.0, -1.0, NOT_EVALUATED):
        twins.batch([("a", *observed(NO_MONITOR, level))])
        twins.the_states_are_equal()


@pytest.mark.parametrize("few_rows", [0, 99])
@pytest.mark.parametrize("rule", [VOTES, replace(VOTES, threshold_nats=12.0)])
def test_the_bearing_detector_names_what_the_network_does_not_know(few_rows: int, rule: AlarmRule):
    twins = begun(Policy(rule, VOTES), few_rows)
    for _ in range(4):  # a sum takes a part of each
        twins.batch([("a", *STRANGE[:-1], (0.0, 0.0, 9.0))] * 6)
    assert list(twins.reference.sensors["a"].standing) == ["ball"]
    twins.the_states_are_equal()


@pytest.mark.parametrize("few_rows", [0, 99])
def test_the_networks_doubt_does_not_change_the_weight_of_a_monitor_that_is_gone(few_rows: int):
    twins = begun(replace(MONITORED, machine=MONITORED.changed), few_rows)
    twins.batch([("a", *observed(9.0))] * 3)
    twins.batch([("a", *STRANGE)])
    twins.the_states_are_equal()
