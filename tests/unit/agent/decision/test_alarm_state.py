from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.alarm_logic import step
from drsn.agent.decision.alarm_state import TRANSITIONS, Change, Condition, SensorState, Signal, State
from drsn.agent.decision.cusum import Likelihood
from drsn.agent.decision.diagnosis import Diagnosis
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.voting import Quorum, Votes
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.reading import Reading

CONDITIONS = ("inner_race", "ball", "unknown")
AT_ONCE = Policy.votes(Quorum(1, 1), Quorum(1, 1))
USUAL = Policy.votes(Quorum(6, 8), Quorum(7, 8))

QUORUMS = st.integers(1, 8).flatmap(lambda of: st.builds(Quorum, st.integers(1, of), st.just(of)))
POLICIES = st.builds(Policy.votes, QUORUMS, QUORUMS)
WINDOWS = st.lists(st.sampled_from(("normal", *CONDITIONS)), max_size=40)


class Machine:
    """A sensor that windows are shown to, one by one."""

    def __init__(self, policy: Policy, make_reading: Callable[..., Reading]) -> None:
        self.sensor = SensorState.new(CONDITIONS)
        self._policy = policy
        self._make_reading = make_reading
        self._windows = 0

    def show(self, condition: str, label: str = "", *, fresh: bool = False) -> list[Change]:
        self._windows += 1
        probabilities = {"normal": 0.25, "inner_race": 0.5, "ball": 0.25}
        reading = self._make_reading(self._windows, fresh=fresh)
        diagnosis = Diagnosis(reading, condition, label or condition, 0.75, probabilities, {}, 0.0)
        self.sensor, changes = step(
            self.sensor, diagnosis, self._policy, Likelihood(), decided_unix_ns=1000 + self._windows
        )
        return changes

    def told(self, *conditions: str) -> list[tuple[int, str, str]]:
        """Each change as (window, condition, state), windows counted from 1."""
        return [
            (window, change.name, change.condition.state.value)
            for window, condition in enumerate(conditions, start=1)
            for change in self.show(condition)
        ]


@pytest.fixture(scope="session")
def machine(make_reading: Callable[..., Reading]) -> Callable[[Policy], Machine]:
    return lambda policy: Machine(policy, make_reading)


@given(policy=POLICIES, windows=st.lists(st.tuples(st.sampled_from(("normal", *CONDITIONS)), st.booleans())))
def test_whatever_comes_the_table_is_obeyed_and_seq_counts_the_events(
    policy: Policy, windows: list[tuple[str, bool]], machine: Callable[[Policy], Machine]
):
    it = machine(policy)
    for condition, fresh in windows:
        before = it.sensor
        changes = it.show(condition, fresh=fresh)
        changed = {change.name: change.condition for change in changes}
        assert len(changed) == len(changes)
        assert [change.condition.seq for change in changes] == list(range(before.seq + 1, it.sensor.seq + 1))
        raised = [change.condition.state.active for change in changes]
        assert raised == sorted(raised)  # clears first
        for name, now in it.sensor.conditions.items():
            was = before.conditions[name]
            assert now.state is changed.get(name, was).state
            if name in changed:
                signal = Signal.RAISE if now.state.active else Signal.CLEAR
                assert TRANSITIONS[was.state, signal] is now.state


@given(policy=POLICIES, windows=WINDOWS)
def test_a_window_that_the_model_abstains_from_changes_nothing_but_unknown(
    policy: Policy, windows: list[str], machine: Callable[[Policy], Machine]
):
    it = machine(policy)
    for condition in windows:
        before = it.sensor
        changes = it.show(condition)
        if condition == "unknown":
            assert all(change.name == "unknown" for change in changes)
            for name in ("inner_race", "ball"):
                assert it.sensor.conditions[name] == before.conditions[name]


@given(windows=WINDOWS)
def test_at_once_each_change_of_condition_is_one_event(windows: list[str], machine: Callable[[Policy], Machine]):
    """Normal ↔ A is one, A → B is two, the clear first; while the model abstains, what stood stands."""
    it, standing = machine(AT_ONCE), set()
    for condition in windows:
        gone = set() if condition == "unknown" else standing - {condition}
        new = {condition} - {"normal"} - standing
        told = [(change.name, change.condition.state) for change in it.show(condition)]
        assert told[: len(gone)] == [(name, State.NORMAL) for name in CONDITIONS if name in gone]
        assert told[len(gone) :] == [(name, State.ACTIVE_UNACKED) for name in new]
        standing = standing - gone | new
        assert set(it.sensor.standing) == standing


def test_six_of_eight_raise_and_seven_of_eight_clear(machine: Callable[[Policy], Machine]):
    fault, ok = "inner_race", "normal"
    assert machine(USUAL).told(*[fault] * 5, *[ok] * 20) == []
    assert machine(USUAL).told(*[fault] * 6) == [(6, fault, "active_unacked")]
    assert machine(USUAL).told(fault, fault, ok, fault, fault, ok, fault, fault) == [(8, fault, "active_unacked")]
    assert machine(USUAL).told(*[fault] * 6, *[ok] * 6) == [(6, fault, "active_unacked")]
    assert machine(USUAL).told(*[fault] * 6, *[ok] * 7) == [(6, fault, "active_unacked"), (13, fault, "normal")]


def test_a_fresh_window_votes_alone(machine: Callable[[Policy], Machine]):
    it = machine(USUAL)
    assert it.told(*["ball"] * 5) == []
    assert it.show("ball", fresh=True) == []
    assert it.told(*["ball"] * 5) == [(5, "ball", "active_unacked")]
    it.told(*["normal"] * 6)
    it.show("normal", fresh=True)
    assert it.told(*["normal"] * 6) == [(6, "ball", "normal")]


def test_an_abstained_window_leaves_the_other_votes_alone(machine: Callable[[Policy], Machine]):
    windows = [*["ball"] * 5, "unknown", "ball"]
    assert machine(USUAL).told(*windows) == [(7, "ball", "active_unacked")]


def test_a_model_that_abstains_and_abstains_is_an_alarm(machine: Callable[[Policy], Machine]):
    told = machine(USUAL).told(*["unknown"] * 6, *["normal"] * 7)
    assert told == [(6, "unknown", "active_unacked"), (13, "unknown", "normal")]


def test_an_event_tells_of_the_window_that_decided(machine: Callable[[Policy], Machine]):
    it = machine(Policy.votes(Quorum(1, 2), Quorum(2, 3)))
    (raised,) = it.show("inner_race", "inner_race_007")
    assert raised.condition == Condition(
        state=State.ACTIVE_UNACKED, votes=Votes(), seq=1, since_unix_ns=1, decided_unix_ns=1001,
        label="inner_race_007", window_label="inner_race_007", confidence=0.5, count=1, of=2, clock_synced=True,
        severity=Severity.MINOR, told=(1,),
    )  # fmt: skip
    it.show("normal")
    (cleared,) = it.show("normal", "healthy")
    c = cleared.condition
    assert (c.state, c.since_unix_ns, c.label, c.window_label) == (State.NORMAL, 3, "inner_race_007", "healthy")
    assert (c.count, c.of, c.confidence) == (2, 3, 0.5)
    (unknown,) = it.show("unknown", "ball")
    assert (unknown.condition.label, unknown.condition.confidence) == ("ball", 0.75)


def test_votes_from_before_a_change_decide_nothing_after_it(machine: Callable[[Policy], Machine]):
    it = machine(Policy.votes(Quorum(1, 8), Quorum(1, 8)))
    assert it.told("ball", "normal", "normal", "normal") == [(1, "ball", "active_unacked"), (2, "ball", "normal")]
    it = machine(Policy.votes(Quorum(1, 1), Quorum(7, 8)))
    assert it.told(*["normal"] * 8, "ball", *["normal"] * 6) == [(9, "ball", "active_unacked")]


def test_an_acknowledged_alarm_clears_by_itself(machine: Callable[[Policy], Machine]):
    it = machine(AT_ONCE)
    it.sensor = SensorState({"ball": Condition(state=State.ACTIVE_ACKED)}, seq=9)
    assert it.told("ball", "normal") == [(2, "ball", "normal")]


CLEARS = {
    Signal.CLEAR: AT_ONCE,
    Signal.CLEAR_REQUIRE_ACK: replace(AT_ONCE, require_ack=True),
    Signal.CLEAR_LATCH: replace(AT_ONCE, latch=True, require_ack=True),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("signal", [Signal.RAISE, *CLEARS])
def test_the_table_alone_says_what_follows(state: State, signal: Signal, machine: Callable[[Policy], Machine]):
    it = machine(CLEARS.get(signal, AT_ONCE))
    it.sensor = SensorState({"ball": Condition(state=state)}, seq=9)
    changes = it.show("ball" if signal is Signal.RAISE else "normal")
    assert it.sensor.conditions["ball"].state is TRANSITIONS.get((state, signal), state)
    assert it.sensor.seq == 9 + len(changes) == 9 + ((state, signal) in TRANSITIONS)
