"""Which windows count and what changes: sensor faults, gate, abstention, gaps and delays, by either rule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision import any_fault
from drsn.agent.decision.alarm_logic import fall_silent, step
from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, Change, Condition, SensorState, State
from drsn.agent.decision.cusum import BOUND_NATS, DEPENDENCE, Likelihood
from drsn.agent.decision.diagnosis import Diagnosis
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.voting import Quorum

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.reading import Reading

MACHINE = ("inner_race", "ball", "unknown")
VOTES = AlarmRule(Quorum(2, 3), Quorum(2, 3))
TWO_WINDOWS = 2 * BOUND_NATS / DEPENDENCE - 0.1
"""A threshold that two certain windows reach."""
SEQUENTIAL = AlarmRule(Quorum(2, 3), Quorum(2, 3), TWO_WINDOWS)
FAULTY = AlarmRule(Quorum(2, 2), Quorum(2, 2))
BY_VOTES = Policy(VOTES, VOTES, FAULTY)
BY_EVIDENCE = Policy(SEQUENTIAL, VOTES, FAULTY)
GATED = replace(BY_VOTES, limits=GateLimits(rms=1.0, settle_ns=0))
POLICIES = st.sampled_from([BY_VOTES, BY_EVIDENCE, GATED, replace(BY_EVIDENCE, limits=GATED.limits)])

WINDOWS = st.lists(
    st.tuples(
        st.sampled_from(("normal", *MACHINE, "sensor_fault")),
        st.sampled_from([0.1, 2.0]),  # RMS
        st.booleans(),  # fresh
    ),
    max_size=40,
)


class Machine:
    """A sensor that windows are shown to, one by one."""

    def __init__(self, policy: Policy, make_reading: Callable[..., Reading]) -> None:
        self.sensor = SensorState.new((*MACHINE, *SENSOR_CONDITIONS))
        self.policy = policy
        self._make_reading = make_reading
        self._at = 0

    def show(self, condition: str, rms: float = 2.0, *, fresh: bool = False) -> list[Change]:
        self._at += 1
        reading = self._make_reading(self._at, duration_ns=10, advance_ns=10, rms=rms, fresh=fresh)
        ratios = {name: BOUND_NATS if name == condition else -BOUND_NATS for name in MACHINE[:2]}
        probabilities = {"normal": 0.25, "inner_race": 0.5, "ball": 0.25}
        diagnosis = Diagnosis(reading, condition, "flat", 0.75, probabilities, {}, 0.0)
        self.sensor, changes = step(self.sensor, diagnosis, self.policy, Likelihood(ratios), self._at)
        return changes

    def told(self, *conditions: str, rms: float = 2.0) -> list[tuple[int, str, str, str | None]]:
        """Each change as (window, condition, state, suppressed by), windows counted from 1."""
        return [
            (window, change.name, change.condition.state.value, change.condition.suppressed_by)
            for window, condition in enumerate(conditions, start=1)
            for change in self.show(condition, rms)
        ]

    def inside(self, *names: str) -> list[tuple[object, ...]]:
        """All that is remembered of some conditions."""
        return [(c.state, c.votes, c.evidence, c.held_ns) for c in (self.sensor.conditions[name] for name in names)]


@pytest.fixture(scope="session")
def machine(make_reading: Callable[..., Reading]) -> Callable[[Policy], Machine]:
    return lambda policy: Machine(policy, make_reading)


@given(policy=POLICIES, windows=WINDOWS)
def test_a_faulty_window_or_a_closed_gate_leaves_everything_else_as_it_is(
    policy: Policy, windows: list[tuple[str, float, bool]], machine: Callable[[Policy], Machine]
):
    it = machine(policy)
    for condition, rms, fresh in windows:
        before = it.inside(*MACHINE)
        stood = it.sensor.conditions["sensor_fault"].state.active
        it.show(condition, rms, fresh=fresh)
        rests = condition == "sensor_fault" or stood or (policy.limits.given and rms < 1)
        if rests and not fresh:
            assert it.inside(*MACHINE) == before


@given(policy=POLICIES, windows=WINDOWS)
def test_an_abstained_window_leaves_the_machines_conditions_as_they_are(
    policy: Policy, windows: list[tuple[str, float, bool]], machine: Callable[[Policy], Machine]
):
    it = machine(policy)
    for condition, rms, _ in windows:
        before = it.inside("inner_race", "ball")
        it.show(condition, rms)
        if condition == "unknown" and policy.machine.threshold_nats is None:  # else as its ceiling says: test_rule.py
            assert it.inside("inner_race", "ball") == before


@given(policy=POLICIES, windows=WINDOWS)
def test_a_gap_forgets_what_spoke_before_it(
    policy: Policy, windows: list[tuple[str, float, bool]], machine: Callable[[Policy], Machine]
):
    it = machine(policy)
    for condition, rms, _ in windows:
        it.show(condition, rms)
    kept = any_fault.active(it.sensor.conditions)  # the only alarm of a fault stays while another fault goes on
    for name, condition in it.sensor.conditions.items():
        assert condition.held_ns == 0 or not condition.state.active or kept == [name]
    it.show("sensor_fault", fresh=True)
    assert all(remembered[1:] == (replace(Condition().votes), 0.0, 0) for remembered in it.inside(*MACHINE))


@given(policy=POLICIES, windows=WINDOWS)
def test_events_count_and_what_stands_says_why_nobody_judges_it(
    policy: Policy, windows: list[tuple[str, float, bool]], machine: Callable[[Policy], Machine]
):
    it, folded = machine(policy), {}
    for condition, rms, fresh in windows:
        before = it.sensor.seq
        changes = it.show(condition, rms, fresh=fresh)
        assert [change.condition.seq for change in changes] == list(range(before + 1, it.sensor.seq + 1))
        folded |= {change.name: change.condition for change in changes}
        fault = it.sensor.conditions["sensor_fault"].state.active
        closed = policy.limits.given and not it.sensor.gate.running
        expected = "sensor_fault" if fault else "gate" if closed else None
        for name, c in it.sensor.standing.items():
            assert c.suppressed_by == (None if name in SENSOR_CONDITIONS else expected)
        shown = {name: (c.state, c.suppressed_by, c.seq) for name, c in it.sensor.standing.items()}
        told = {n: (c.state, c.suppressed_by, c.seq) for n, c in folded.items() if c.state is not State.NORMAL}
        assert shown == told, "what stands is the fold of the events"


@pytest.mark.parametrize("policy", [BY_VOTES, BY_EVIDENCE])
def test_a_broken_sensor_is_told_of_and_the_machine_never_blamed(policy: Policy, machine: Callable[[Policy], Machine]):
    it = machine(policy)
    it.told("inner_race")
    assert it.told(*["sensor_fault"] * 9) == [(2, "sensor_fault", "active_unacked", None)]
    assert it.told("normal", "normal", "inner_race") == [
        (2, "sensor_fault", "normal", None),
        (3, "inner_race", "active_unacked", None),
    ]


def test_an_alarm_that_stands_is_suppressed_while_its_sensor_is_broken(machine: Callable[[Policy], Machine]):
    it = machine(BY_VOTES)
    told = it.told("ball", "ball", "sensor_fault", "sensor_fault", *["ball"] * 2, *["normal"] * 3)
    assert told == [
        (2, "ball", "active_unacked", None),
        (4, "sensor_fault", "active_unacked", None),
        (4, "ball", "active_unacked", "sensor_fault"),
        (6, "sensor_fault", "normal", None),
        (6, "ball", "active_unacked", None),
        (8, "ball", "normal", None),
    ]


def test_a_machine_that_stops_keeps_its_alarm_suppressed_and_counts_on_when_it_runs(
    machine: Callable[[Policy], Machine],
):
    it = machine(GATED)
    assert it.told("ball", "ball") == [(2, "ball", "active_unacked", None)]
    assert it.told("normal", "normal", "normal", rms=0.1) == [(1, "ball", "active_unacked", "gate")]
    assert it.told("normal", "normal") == [(1, "ball", "active_unacked", None), (2, "ball", "normal", None)]


def test_a_faulty_window_does_not_move_the_gate(machine: Callable[[Policy], Machine]):
    it = machine(GATED)
    it.told("normal")
    it.show("sensor_fault", rms=0.0)
    assert it.sensor.gate.running


@pytest.mark.parametrize("policy", [BY_VOTES, BY_EVIDENCE])
def test_delays_ask_for_so_much_signal(policy: Policy, machine: Callable[[Policy], Machine]):
    terms = replace(policy.machine, rise=Quorum(2, 2), fall=Quorum(2, 2), on_delay_ns=30, off_delay_ns=20)
    it = machine(replace(policy, machine=terms))
    assert it.told(*["ball"] * 3, "normal", *["ball"] * 5) == [(8, "ball", "active_unacked", None)]
    assert it.told(*["normal"] * 4) == [(3, "ball", "normal", None)]


def test_evidence_decides_and_is_told(machine: Callable[[Policy], Machine]):
    it = machine(BY_EVIDENCE)
    (raised,) = [*it.show("ball"), *it.show("ball")]
    assert raised.condition.weight == pytest.approx(TWO_WINDOWS)
    assert (raised.condition.count, raised.condition.of, raised.condition.evidence) == (2, 2, 0.0)
    assert it.told("ball", "inner_race", "inner_race") == [
        (3, "ball", "normal", None),
        (3, "inner_race", "active_unacked", None),
    ], "clearing counts what is not this condition"


def test_silence_is_told_once_and_ends_with_the_next_window(machine: Callable[[Policy], Machine]):
    it = machine(BY_VOTES)
    it.told("ball", "ball")
    it.sensor, (change,) = fall_silent(it.sensor, BY_VOTES, 99, 77, clock_synced=True)
    c = change.condition
    assert (c.decided_unix_ns, c.clock_synced) == (99, True)
    assert (change.name, c.state, c.seq, c.since_unix_ns, c.label) == ("silent", State.ACTIVE_UNACKED, 2, 77, "silent")
    assert fall_silent(it.sensor, BY_VOTES, 99, 77, clock_synced=True) == (it.sensor, [])
    assert it.told("normal", "normal") == [(1, "silent", "normal", None), (2, "ball", "normal", None)]
