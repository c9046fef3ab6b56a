"""The vectorised rules decide as the agent does, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from alarm_quality.pool import ABSTAINED, FAULTY, QUIET
from alarm_quality.rules import Argmax, ByVotes, Dropping, Sensors, Sequential, Threshold, ceilings
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_logic import step
from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, SensorState
from drsn.agent.decision.cusum import BOUND_NATS, NOVELTY_PER_NAT, Likelihood, ceiling_nats
from drsn.agent.decision.diagnosis import ANY_FAULT, Diagnosis
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.voting import Quorum

if TYPE_CHECKING:
    from alarm_quality.rules import Rule

NAMES = ("inner_race", "ball")
MEANING = {QUIET: "normal", ABSTAINED: "unknown", FAULTY: "sensor_fault", 0: "inner_race", 1: "ball"}
RISE, FALL = Quorum(3, 4), Quorum(2, 3)
BY_VOTES = Policy.votes(RISE, FALL)
BY_EVIDENCE = Policy(AlarmRule(RISE, FALL, 7.0), AlarmRule(RISE, FALL))
ONE = st.tuples(
    st.sampled_from([QUIET, QUIET, ABSTAINED, FAULTY, 0, 0, 0, 1]),
    st.floats(-BOUND_NATS, BOUND_NATS),
    st.floats(-BOUND_NATS, BOUND_NATS),
    st.floats(-BOUND_NATS, BOUND_NATS),  # of any fault
    st.one_of(st.floats(-5, 20), st.just(np.nan)),
)
READING = {
    "duration_ns": 1,
    "advance_ns": 1,
    "fresh": False,
    "rms": 1.0,
    "peak": 2.0,
    "unit": "g",
    "clock_synced": True,
}
HISTORIES = st.lists(st.lists(ONE, min_size=2, max_size=2), max_size=60)
"""Windows of two sensors."""


def by_the_agent(policy: Policy, windows: list[tuple[float, ...]]):
    sensor, raised = SensorState.new((*NAMES, "unknown", *SENSOR_CONDITIONS)), []
    for at, (vote, *zs, excess) in enumerate(windows):
        reading = Reading(sensor="s", end_unix_ns=at, **READING)
        diagnosis = Diagnosis(reading, MEANING[vote], "x", 0.9, dict(zip(NAMES, zs, strict=False)), {}, excess)
        likelihood = Likelihood(dict(zip((*NAMES, ANY_FAULT), zs, strict=True)), ceiling_nats(excess, 0.0))
        before = sensor.conditions
        sensor, _ = step(sensor, diagnosis, policy, likelihood, at)
        began = [n for n in NAMES if sensor.conditions[n].state.active and not before[n].state.active]
        raised += [(at, name) for name in began]
    standing = [name for name in NAMES if sensor.conditions[name].state.active]
    return raised, standing


@pytest.mark.parametrize(
    ("policy", "rule"), [(BY_VOTES, ByVotes(RISE, FALL)), (BY_EVIDENCE, Sequential(7.0))], ids=["votes", "sequential"]
)
@given(history=HISTORIES)
def test_many_sensors_at_once_are_decided_as_each_alone(
    policy: Policy,
    rule: Rule,
    history: list[list[tuple[float, ...]]],
):
    sensors, raised = Sensors(rule, 2, 2), ([], [])
    for at, both in enumerate(history):
        vote = np.array([window[0] for window in both])
        z, excess = np.array([window[1:4] for window in both]), np.array([window[4] for window in both])
        for sensor, condition in np.argwhere(sensors.feed(vote, z[:, :2], z, excess)):
            raised[sensor].append((at, NAMES[condition]))
    for sensor in (0, 1):
        events, standing = by_the_agent(policy, [both[sensor] for both in history])
        assert [NAMES[c] for c in np.flatnonzero(sensors.active[sensor])] == standing
        assert sorted(raised[sensor]) == sorted(events)


def test_the_two_simple_rules_follow_each_window():
    for rule in (Argmax(), Threshold(0.9)):
        sensors = Sensors(rule, 1, 2)
        told = [
            sensors.feed(np.array([vote]), np.array([[p, 0.0]], np.float32), np.zeros((1, 3)), np.zeros(1))[0].tolist()
            for vote, p in ((0, 0.95), (0, 0.95), (ABSTAINED, 0.5), (QUIET, 0.1), (0, 0.95))
        ]
        assert told == [[True, False], [False, False], [False, False], [False, False], [True, False]]


def raised_after(rule: Rule, vote: int, excess: float) -> int:
    """Count windows with the strongest evidence for `inner_race` until it is raised; 0: not within 100."""
    sensors, z = Sensors(rule, 1, 2), np.array([[BOUND_NATS, -BOUND_NATS, BOUND_NATS]])
    for at in range(1, 101):
        if sensors.feed(np.array([vote]), z[:, :2].astype(np.float32), z, np.array([excess])).any():
            return at
    return 0


def test_windows_that_the_model_abstains_from_can_be_left_out_or_weighed():
    assert raised_after(Sequential(7.0), 0, -1.0) == raised_after(Dropping(7.0), 0, -1.0) == 2
    assert raised_after(Dropping(7.0), ABSTAINED, 0.1) == 0
    assert raised_after(Sequential(7.0), ABSTAINED, 0.1) == 2
    assert raised_after(Sequential(7.0), ABSTAINED, 4 * NOVELTY_PER_NAT) > 2
    assert raised_after(Sequential(7.0), ABSTAINED, 40.0) == 0
    assert raised_after(Sequential(7.0, 10.0), ABSTAINED, 40.0) > 0
    assert raised_after(Sequential(7.0), FAULTY, -1.0) == 0


@given(excess=st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(np.nan), st.just(np.inf), st.just(-np.inf))))
def test_ceilings_are_those_of_the_agent(excess: list[float]):
    expected = [ceiling_nats(each, 0.0) for each in excess]
    assert ceilings(np.array(excess, float)).tolist() == pytest.approx(expected)
