from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.alarm_state import Condition, SensorState, State
from drsn.agent.decision.baseline import Baseline, BaselineStatistics
from drsn.agent.decision.diagnosis import UNKNOWN, Diagnosis
from drsn.agent.decision.operator_action import OperatorAction, RefusedError
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.voting import Quorum

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

AT_ONCE = Policy.votes(Quorum(1, 1), Quorum(1, 1))


def engine_of(contract: ModelContract, policy: Policy = AT_ONCE, **options: object) -> AlarmEngine:
    return AlarmEngine(contract, "0" * 64, lambda _sensor: policy, **options)


def diagnosis(condition: str, end_s: int = 1, *, fresh: bool = False) -> Diagnosis:
    reading = Reading("a", end_s * 10**9, 10**8, fresh, 1.0, 2.0, "g", clock_synced=True, advance_ns=10**8)
    return Diagnosis(reading, condition, f"{condition}_007", 0.9, {condition: 0.9}, {}, -1.0)


def test_a_condition_that_a_new_bundle_no_longer_knows_stays_until_votes_clear_it(contract):
    old = engine_of(contract)
    old.feed(diagnosis("ball"), 0)
    labels = (contract.labels[0], contract.labels[1])
    new = engine_of(contract.model_copy(update={"labels": labels}), sensors=old.sensors)
    assert list(new.sensors["a"].standing) == ["ball"]
    (change,) = new.feed(diagnosis("normal"), 0).changes
    assert (change.name, change.condition.state) == ("ball", State.NORMAL)


def test_a_refused_packet_speaks_for_a_sensor_fault_of_a_sensor_that_is_known(contract):
    engine = engine_of(contract)
    assert engine.refuse("a", "non_finite", 0) is None
    engine.feed(diagnosis("ball"), 0)
    outcomes = [engine.refuse("a", "non_finite", 5 * 10**9) for _ in range(4)]
    changes = [(c.name, c.condition.label, c.condition.suppressed_by) for o in outcomes for c in o.changes]
    assert changes == [("sensor_fault", "non_finite", None), ("ball", "ball_007", "sensor_fault")]
    assert outcomes[-1].diagnosis is None


def test_what_a_closed_gate_makes_of_a_window_is_said(contract):
    gated = replace(AT_ONCE, limits=GateLimits(rms=2.0, settle_ns=0))
    outcome = engine_of(contract, gated).feed(diagnosis("ball"), 0)
    assert (outcome.changes, outcome.suppressed_by) == ((), "gate")
    assert engine_of(contract).feed(diagnosis("ball"), 0).suppressed_by is None
    assert engine_of(contract).feed(diagnosis("sensor_fault"), 0).suppressed_by == "sensor_fault"


def test_the_sequential_rule_judges_by_the_models_probabilities(contract):
    terms = AlarmRule(Quorum(1, 1), Quorum(1, 1), threshold_nats=10.0)
    engine = engine_of(contract, replace(AT_ONCE, machine=terms))
    sure = Diagnosis(
        diagnosis("ball").reading, "ball", "ball", 0.99, {"normal": 0.005, "inner_race": 0.005, "ball": 0.99}, {}, -1.0
    )
    decided = [(c.name, c.condition) for _ in range(6) for c in engine.feed(sure, 0).changes]
    # ln(0.99/0.005) = 5.3 nats a window, four fifths of it for the dependence: three windows.
    assert [(name, c.count, c.of, c.weight) for name, c in decided] == [("ball", 3, 3, 10.0)]


@pytest.mark.parametrize(("excess", "windows"), [(-1.0, 3), (8.0, 6), (100.0, None)])
def test_a_window_weighs_the_less_the_higher_its_novelty_whatever_a_baseline_allows(contract, excess, windows):
    contract = contract.model_copy(update={"abstention_threshold": 2.0})
    rule = AlarmRule(Quorum(1, 1), Quorum(1, 1), threshold_nats=10.0)
    statistics = BaselineStatistics(350, 0.0, 1.0, 1.0, 0.1, 1.0, allowance=50.0)
    sensor = SensorState({"ball": Condition()}, commission=Baseline(statistics, "0" * 64, None, 0, "ana"))
    engine = engine_of(contract, replace(AT_ONCE, machine=rule), sensors={"a": sensor})
    probabilities = {"normal": 0.005, "inner_race": 0.005, "ball": 0.99}
    sure = Diagnosis(diagnosis("ball").reading, UNKNOWN, "ball", 0.99, probabilities, {}, 2.0 + excess)
    raised = [at for at in range(1, 20) for change in engine.feed(sure, 0).changes if change.name == "ball"]
    assert raised[:1] == ([] if windows is None else [windows])


def test_a_sensor_falls_silent_and_a_successor_knows_its_period(contract):
    engine = engine_of(contract)
    engine.tick(0.0, 0, connected=True)
    for second in range(1, 6):
        engine.feed(diagnosis("normal"), 0)
        engine.tick(float(second), 0, connected=True)
    successor = engine_of(contract, sensors=engine.sensors)
    outcomes = [o for now in range(100, 140) for o in successor.tick(float(now), now * 10**9, connected=True)]
    ((change,),) = [outcome.changes for outcome in outcomes]
    silent = change.condition
    assert (change.name, silent.state, silent.decided_unix_ns) == ("silent", State.ACTIVE_UNACKED, 131 * 10**9)
    assert silent.since_unix_ns == 100 * 10**9, "when the last window came, or the agent started"
    assert list(successor.sensors["a"].standing) == ["silent"]
    (change,) = successor.feed(diagnosis("normal"), 0).changes
    assert (change.name, change.condition.state) == ("silent", State.NORMAL)


@pytest.mark.parametrize(("condition", "reason"), [(None, "name the condition"), ("rust", "no condition 'rust'")])
def test_an_acknowledgement_that_names_no_condition_of_the_sensor_is_told_so(contract, condition, reason):
    engine = engine_of(contract)
    (change,) = engine.feed(diagnosis("ball"), 0).changes
    with pytest.raises(RefusedError, match=reason):
        engine.operate("a", OperatorAction("ack", "ana", condition=condition, seq=change.condition.seq), 0)
