"""Which alarms end when a machine has been learnt as healthy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.alarm_state import AnyFault, Condition, SensorState, State
from drsn.agent.decision.baseline import Baseline, BaselineStatistics
from drsn.agent.decision.learnt_alarms import NOT_LEARNT, end_alarms
from drsn.agent.decision.voting import Votes

NAMES = ("ball", "inner_race", "unknown", "changed", "vibration_level", "sensor_fault", "silent")
LEARNT = BaselineStatistics(60, 0.0, 0.1, 1.0, 0.1, 1.0, 0.0)
NOW = 10**18
CONDITIONS = st.builds(
    Condition,
    state=st.sampled_from(State),
    votes=st.just(Votes(3, 4)),
    seq=st.integers(1, 9),
    label=st.just("x"),
    shelved_until_unix_ns=st.sampled_from([0, NOW + 1]),
    out_of_service=st.booleans(),
    false_alarm_seq=st.sampled_from([0, 3]),
)
SENSORS = st.builds(
    lambda conditions, despite: SensorState(
        conditions,
        seq=9,
        commission=Baseline(LEARNT, "0", None, NOW, "ana", "it is new", despite=tuple(sorted(despite))),
        any_fault=AnyFault(Votes(3, 4)),
    ),
    st.fixed_dictionaries(dict.fromkeys(NAMES, CONDITIONS)),
    st.sets(st.sampled_from(NAMES)),
)


@given(SENSORS)
def test_what_was_learnt_as_healthy_ends_and_nothing_else(sensor: SensorState):
    after, changes = end_alarms(sensor, NOW)
    named = {change.name for change in changes}
    for name, before in sensor.conditions.items():
        ball, concerned = after.conditions[name], name in sensor.commission.despite or before.false_alarm_seq
        stood = before.state is not State.NORMAL or before.shelved_until_unix_ns
        assert (name in named) == bool(concerned and stood and name not in NOT_LEARNT)
        if name not in named:
            assert ball == before
            continue
        assert (ball.state, ball.votes, ball.shelved_until_unix_ns) == (State.NORMAL, Votes(), 0)
        assert ball.suppressed_by == ("out_of_service" if before.out_of_service else None)
        assert (ball.by, ball.comment, ball.decided_unix_ns) == ("ana", "it is new", NOW)
        assert ball.false_alarm_seq == before.false_alarm_seq, "the journal says which event was a false alarm"
    assert [change.condition.seq for change in changes] == list(range(10, 10 + len(changes)))
    assert after.seq == 9 + len(changes)
    assert after.any_fault == (AnyFault() if changes else sensor.any_fault)
    assert end_alarms(after, NOW + 1) == (after, []), "it ends once"


@pytest.mark.parametrize("sensor", [SensorState({"ball": Condition(State.ACTIVE_UNACKED)})])
def test_without_a_baseline_nothing_ends(sensor: SensorState):
    assert end_alarms(sensor, NOW) == (sensor, [])


def test_an_alarm_that_was_latched_keeps_the_time_at_which_it_ended():
    latched = Condition(State.LATCHED_UNACKED, seq=1, since_unix_ns=5)
    baseline = Baseline(LEARNT, "0", None, NOW, "ana", "it is new", despite=("ball",))
    sensor = SensorState({"ball": latched, "inner_race": replace(latched, state=State.ACTIVE_ACKED)}, 1)
    after, _ = end_alarms(replace(sensor, commission=replace(baseline, despite=("ball", "inner_race"))), NOW)
    assert (after.conditions["ball"].since_unix_ns, after.conditions["inner_race"].since_unix_ns) == (5, NOW)
