"""An alarm on a condition that the present bundle does not have: marked, closable, and hiding nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from witness import renderer_of

from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
from drsn.agent.decision.alarm_state import State
from drsn.agent.decision.diagnosis import Diagnosis
from drsn.agent.decision.operator_action import OperatorAction, RefusedError
from drsn.agent.decision.orphans import orphans
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.voting import Quorum
from drsn.model.contract import Label

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

SLOW = Policy.votes(Quorum(4, 4), Quorum(4, 4))
LATER = (
    Label(name="normal", condition="normal", healthy=True),
    Label(name="bearing_inner", condition="bearing_inner"),
    Label(name="bearing_outer", condition="bearing_outer"),
)


def diagnosis(condition: str, end_s: int = 1) -> Diagnosis:
    reading = Reading("a", end_s * 10**9, 10**8, False, 1.0, 2.0, "g", clock_synced=True, advance_ns=10**8)
    return Diagnosis(reading, condition, condition, 0.95, {condition: 0.95}, {}, -1.0)


@pytest.fixture
def later(contract: ModelContract) -> AlarmEngine:
    """An engine with another bundle; `ball` stands by the one before it."""
    return began_anew(contract)


def began_anew(contract: ModelContract, policy: Policy = SLOW) -> AlarmEngine:
    before = AlarmEngine(contract, "0" * 64, lambda _: SLOW)
    for _ in range(4):
        before.feed(diagnosis("ball"), 0)
    assert list(before.sensors["a"].standing) == ["ball"]
    other = contract.model_copy(update={"labels": LATER})
    return AlarmEngine(other, "1" * 64, lambda _: policy, sensors=dict(before.sensors))


def reset(engine: AlarmEngine, verb: str = "reset", name: str = "ball") -> Outcome:
    seq = engine.sensors["a"].conditions[name].seq
    return engine.operate("a", OperatorAction(verb, "ana", condition=name, seq=seq), 0)


def test_it_is_marked_at_the_start_and_what_is_over_is_dropped(later: AlarmEngine):
    sensor = later.sensors["a"]
    assert (orphans(sensor), list(sensor.standing)) == (("ball",), ["ball"])
    assert "inner_race" not in sensor.conditions


def test_a_fault_under_the_new_names_is_raised_at_once_whichever_of_them_each_window_names(later: AlarmEngine):
    raised = [
        (window, change.name)
        for window in range(1, 9)
        for change in later.feed(diagnosis(f"bearing_{('inner', 'outer')[window % 2]}", window), 0).changes
        if change.condition.state.active
    ]
    assert [window for window, _ in raised] == [1], "the windows of any fault met the rule before: it goes on"


def test_it_ends_by_its_rule_and_the_sensor_is_then_as_any_other(later: AlarmEngine):
    changes = [change for window in range(1, 5) for change in later.feed(diagnosis("normal", window), 0).changes]
    assert [(change.name, change.condition.state) for change in changes] == [("ball", State.NORMAL)]
    assert "ball" not in later.sensors["a"].conditions
    assert later.sensors.is_regular(later.sensors.slot("a")), "its windows are counted with those of other sensors"
    (changed,) = later.sensors.take_changed()
    assert changed.cold_changed, "the record of its counters refers to other conditions now"


def test_a_reset_closes_it_with_an_event_though_it_is_active(later: AlarmEngine):
    outcome = reset(later)
    (change,) = outcome.changes
    assert (change.name, change.condition.state, change.condition.by) == ("ball", State.NORMAL, "ana")
    assert change.condition.seq == outcome.sensor.seq == 2
    assert not later.sensors["a"].standing
    with pytest.raises(RefusedError, match="no condition 'ball'"):
        later.operate("a", OperatorAction("reset", "ana", condition="ball"), 0)


def test_where_alarms_must_be_acknowledged_it_is_acknowledged_after_the_reset_or_before(contract: ModelContract):
    policy = replace(SLOW, require_ack=True)
    one, other = began_anew(contract, policy), began_anew(contract, policy)
    assert reset(one).changes[0].condition.state is State.CLEARED_UNACKED
    assert reset(one, "ack").changes[0].condition.state is State.NORMAL
    assert reset(other, "ack").changes[0].condition.state is State.ACTIVE_ACKED
    assert reset(other).changes[0].condition.state is State.NORMAL
    assert "ball" not in one.sensors["a"].conditions.keys() | other.sensors["a"].conditions.keys()


def test_an_alarm_of_the_present_bundle_is_still_not_reset_while_it_is_active(contract: ModelContract):
    engine = AlarmEngine(contract, "0" * 64, lambda _: SLOW)
    for _ in range(4):
        engine.feed(diagnosis("ball"), 0)
    with pytest.raises(RefusedError, match="ball is still active"):
        reset(engine)


def test_with_the_first_bundle_again_it_is_no_orphan_any_more(contract: ModelContract, later: AlarmEngine):
    again = AlarmEngine(contract, "0" * 64, lambda _: SLOW, sensors=dict(later.sensors))
    assert (orphans(again.sensors["a"]), list(again.sensors["a"].standing)) == ((), ["ball"])


def test_documents_show_it_behind_an_alarm_of_equal_urgency_that_is_alive(contract: ModelContract):
    later = began_anew(contract, Policy.votes(Quorum(4, 4), Quorum(9, 9)))
    for window in range(1, 5):
        later.feed(diagnosis("bearing_outer" if window < 4 else "bearing_inner", window), 0)
    state = later.sensors["a"]
    assert {"ball"} < set(state.standing)
    alarm = renderer_of(contract).alarm("a", state)
    by_name = {each.condition: each for each in alarm.conditions}
    assert by_name["ball"].orphaned
    assert by_name["ball"].severity == alarm.severity == "major"
    assert (alarm.condition, alarm.orphaned) != ("ball", True)
    assert len(alarm.conditions) == 2
