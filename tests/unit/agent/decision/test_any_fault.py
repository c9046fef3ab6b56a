"""A machine has an alarm whenever its windows are of faults, whichever fault each of them names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.alarm_logic import step
from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, Change, Condition, SensorState, State
from drsn.agent.decision.any_fault import active
from drsn.agent.decision.cusum import Likelihood, LogLikelihoodRatios
from drsn.agent.decision.diagnosis import Diagnosis
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.voting import Quorum
from drsn.model.contract import Label, ModelContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.reading import Reading

FAULTS = ("inner_race", "outer_race", "ball")
LABELS = [Label(name=name, condition=name, healthy=name == "normal") for name in ("normal", *FAULTS)]
RATIOS = LogLikelihoodRatios(ModelContract(labels=LABELS, window=256, sample_rate_hz=12_000, bandwidth_hz=5_300))
VOTES = Policy.votes(Quorum(6, 8), Quorum(7, 8))
SEQUENTIAL = replace(VOTES, machine=replace(VOTES.machine, threshold_nats=22.7))
QUORUMS = st.integers(1, 9).flatmap(
    lambda of: st.integers(1, of).flatmap(
        lambda rise: st.tuples(st.just(Quorum(rise, of)), st.integers(of - rise + 1, of).map(lambda n: Quorum(n, of)))
    )
)
"""For a raise and for a clear, which the same windows cannot meet both."""
WINDOWS = st.lists(st.sampled_from(["normal", *FAULTS, *FAULTS, "unknown", "sensor_fault"]), max_size=60)


class Machine:
    """A sensor with windows of which the model is sure."""

    def __init__(self, policy: Policy, make_reading: Callable[..., Reading]) -> None:
        self.sensor = SensorState.new((*FAULTS, "unknown", *SENSOR_CONDITIONS))
        self._policy, self._make_reading, self._at = policy, make_reading, 0

    def add(self, condition: str, p: float = 0.999) -> list[Change]:
        self._at += 1
        probabilities = dict.fromkeys(("normal", *FAULTS), (1 - p) / 3) | {condition: p}
        label = condition if condition in FAULTS else "normal"
        diagnosis = Diagnosis(self._make_reading(self._at), condition, label, p, probabilities, {}, 0.0)
        likelihood = Likelihood(RATIOS(probabilities)) if condition in ("normal", *FAULTS) else Likelihood()
        self.sensor, changes = step(self.sensor, diagnosis, self._policy, likelihood, self._at)
        return changes

    def events(self, *windows: str) -> list[tuple[int, str, bool]]:
        """Window, condition and whether it is active, of each change."""
        changes = [(at, each) for at, name in enumerate(windows, start=1) for each in self.add(name)]
        return [(at, each.name, each.condition.state.active) for at, each in changes]


@pytest.fixture(scope="session")
def machine(make_reading: Callable[..., Reading]) -> Callable[[Policy], Machine]:
    return lambda policy: Machine(policy, make_reading)


@given(quorums=QUORUMS, windows=WINDOWS)
def test_windows_of_any_faults_that_reach_the_quorum_have_an_alarm(
    quorums: tuple[Quorum, Quorum], windows: list[str], machine: Callable[[Policy], Machine]
):
    rise, it, counted = quorums[0], machine(Policy.votes(*quorums)), []
    for name in windows:
        rests = name == "sensor_fault" or it.sensor.conditions["sensor_fault"].state.active
        it.add(name)
        counted += [] if rests or name == "unknown" else [name in FAULTS]
        if sum(counted[-rise.of :]) >= rise.votes:
            assert active(it.sensor.conditions), windows


@given(names=st.lists(st.sampled_from(FAULTS), min_size=6, max_size=40))
def test_faults_in_any_order_have_an_alarm_by_the_sequential_rule(
    names: list[str], machine: Callable[[Policy], Machine]
):
    it = machine(SEQUENTIAL)
    for at, name in enumerate(names, start=1):
        it.add(name)
        assert bool(active(it.sensor.conditions)) == (at >= 5)


@given(names=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=60), policy=st.sampled_from([VOTES, SEQUENTIAL]))
def test_an_alarm_ends_with_the_faults_and_before_only_for_another(
    names: list[str], policy: Policy, machine: Callable[[Policy], Machine]
):
    it, stood = machine(policy), False
    for name in names:
        it.add(name)
        stands = bool(active(it.sensor.conditions))
        assert stands >= stood
        stood = stands
    for _ in range(8):
        it.add("normal")
    assert not active(it.sensor.conditions)


@pytest.mark.parametrize("policy", [VOTES, SEQUENTIAL], ids=["votes", "sequential"])
@pytest.mark.parametrize("faults", [FAULTS, FAULTS[:2]])
def test_faults_in_turn_are_one_event(faults: tuple[str, ...], policy: Policy, machine: Callable[[Policy], Machine]):
    assert len(machine(policy).events(*faults * 80)) == 1


def test_the_leading_fault_has_the_most_votes_and_its_own_label(machine: Callable[[Policy], Machine]):
    it = machine(VOTES)
    assert it.events(*["ball"] * 4, "inner_race", "outer_race") == [(6, "ball", True)]
    ball = it.sensor.conditions["ball"]
    assert (ball.label, ball.window_label, ball.count, ball.of) == ("ball", "outer_race", 6, 8)


def test_a_fault_that_becomes_another_is_raised_by_its_own_rule(machine: Callable[[Policy], Machine]):
    it = machine(VOTES)
    assert it.events(*["ball", "inner_race"] * 3, *["outer_race"] * 6) == [
        (6, "inner_race", True),
        (12, "outer_race", True),
    ]
    assert it.events("outer_race") == [(1, "inner_race", False)]


def test_of_two_alarms_that_end_together_one_stays_while_faults_go_on(machine: Callable[[Policy], Machine]):
    it = machine(Policy.votes(Quorum(2, 8), Quorum(7, 8)))
    standing = dict.fromkeys(("ball", "inner_race"), Condition(State.ACTIVE_UNACKED))
    it.sensor = replace(it.sensor, conditions={**it.sensor.conditions, **standing})
    assert it.events("ball", "inner_race", *["normal"] * 6) == [(8, "ball", False)]
    assert it.events("outer_race", "normal") == [(2, "inner_race", False)], "one fault in eight windows is left"
