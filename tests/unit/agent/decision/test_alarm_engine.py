from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_engine import EVENT_NAMESPACE, AlarmEngine, Identity
from drsn.agent.decision.diagnosis import UNKNOWN, Diagnosis
from drsn.agent.decision.operator_action import Operation, RefusedError
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import Terms
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.voting import Quorum
from drsn.agent.schema.documents import BundleReference
from drsn.model.contract import Label

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

IDENTITY = Identity("tester", "e1", BundleReference(name="small", version="1", sha256="0" * 64))
AT_ONCE = Policy.votes(Quorum(1, 1), Quorum(1, 1))
SLOW_TO_CLEAR = Policy.votes(Quorum(1, 1), Quorum(8, 8))


def pipeline_of(contract: ModelContract, policy: Policy = AT_ONCE, **options: object) -> AlarmEngine:
    return AlarmEngine(contract, IDENTITY, lambda _sensor: policy, **options)


def diagnosis(condition: str, end_s: int = 1, *, fresh: bool = False) -> Diagnosis:
    reading = Reading("a", end_s * 10**9, 10**8, fresh, 1.0, 2.0, "g", clock_synced=True, advance_ns=10**8)
    return Diagnosis(reading, condition, f"{condition}_007", 0.9, {condition: 0.9}, {}, -1.0)


def test_the_alarm_of_a_sensor_names_every_standing_condition_and_repeats_the_most_urgent(contract):
    pipeline = pipeline_of(contract, SLOW_TO_CLEAR)
    for second, condition in enumerate((UNKNOWN, "ball", "inner_race"), start=1):
        pipeline.feed(diagnosis(condition, second), 0)
    alarm = pipeline.alarm("a")
    # inner_race is critical by its worst label, ball is major, and unknown is no machine condition.
    assert [document.condition for document in alarm.conditions] == ["inner_race", "ball", UNKNOWN]
    top = alarm.conditions[0]
    assert (alarm.condition, alarm.severity, alarm.event_id) == (top.condition, top.severity, top.event_id)
    assert alarm.severity == "critical"
    assert alarm.seq == 3


def test_of_equal_severity_the_older_comes_first(contract):
    labels = (contract.labels[0], Label(name="b", condition="b"), Label(name="a", condition="a"))
    pipeline = pipeline_of(contract.model_copy(update={"labels": labels}), SLOW_TO_CLEAR)
    for second, condition in enumerate(("a", "b"), start=1):
        pipeline.feed(diagnosis(condition, second), 0)
    assert [document.condition for document in pipeline.alarm("a").conditions] == ["a", "b"]


def test_event_ids_follow_from_agent_epoch_sensor_and_seq_alone(contract):
    events = [pipeline_of(contract).feed(diagnosis("ball"), now).events[0] for now in (1, 2)]
    assert events[0].event_id == events[1].event_id == str(uuid.uuid5(EVENT_NAMESPACE, "tester/e1/a/1"))


def test_since_is_the_time_of_the_deciding_window(contract):
    (event,) = pipeline_of(contract).feed(diagnosis("ball", end_s=5), 7_250_000_000).events
    assert (event.since, event.decided_at) == ("1970-01-01T00:00:05.000Z", "1970-01-01T00:00:07.250Z")


def test_a_condition_that_a_new_bundle_no_longer_knows_stays_until_votes_clear_it(contract):
    old = pipeline_of(contract)
    old.feed(diagnosis("ball"), 0)
    labels = (contract.labels[0], contract.labels[1])
    new = pipeline_of(contract.model_copy(update={"labels": labels}), sensors=old.sensors)
    assert new.alarm("a").condition == "ball"
    (event,) = new.feed(diagnosis("normal"), 0).events
    assert (event.condition, event.active) == ("ball", False)


def test_a_refused_packet_speaks_for_a_sensor_fault_of_a_sensor_that_is_known(contract):
    pipeline = pipeline_of(contract)
    assert pipeline.refuse("a", "non_finite", 0) is None
    pipeline.feed(diagnosis("ball"), 0)
    outcomes = [pipeline.refuse("a", "non_finite", 5 * 10**9) for _ in range(4)]
    told = [(event.condition, event.label, event.suppressed_by) for outcome in outcomes for event in outcome.events]
    assert told == [("sensor_fault", "non_finite", None), ("ball", "ball_007", "sensor_fault")]
    assert outcomes[-1].diagnosis is None
    alarm = pipeline.alarm("a")
    assert (alarm.condition, alarm.suppressed_by) == ("ball", "sensor_fault"), "machine conditions first"


def test_what_a_closed_gate_makes_of_a_window_is_said(contract):
    gated = replace(AT_ONCE, limits=GateLimits(rms=2.0, settle_ns=0))
    outcome = pipeline_of(contract, gated).feed(diagnosis("ball"), 0)
    assert (outcome.events, outcome.suppressed_by) == ((), "gate")
    assert pipeline_of(contract).feed(diagnosis("ball"), 0).suppressed_by is None
    assert pipeline_of(contract).feed(diagnosis("sensor_fault"), 0).suppressed_by == "sensor_fault"


def test_the_sequential_rule_judges_by_the_models_probabilities(contract):
    terms = Terms(Quorum(1, 1), Quorum(1, 1), threshold_nats=10.0)
    pipeline = pipeline_of(contract, replace(AT_ONCE, machine=terms))
    sure = Diagnosis(
        diagnosis("ball").reading, "ball", "ball", 0.99, {"normal": 0.005, "inner_race": 0.005, "ball": 0.99}, {}, -1.0
    )
    events = [event for _ in range(6) for event in pipeline.feed(sure, 0).events]
    # ln(0.99/0.005) = 5.3 nats a window, four fifths of it for the dependence: three windows.
    assert [(event.condition, event.votes, event.of, event.evidence) for event in events] == [("ball", 3, 3, 10.0)]


def test_a_sensor_falls_silent_and_a_successor_knows_its_period(contract):
    pipeline = pipeline_of(contract)
    pipeline.listen(0.0, 0, listening=True)
    for second in range(1, 6):
        pipeline.feed(diagnosis("normal"), 0)
        pipeline.listen(float(second), 0, listening=True)
    successor = pipeline_of(contract, sensors=pipeline.sensors)
    told = [o for now in range(100, 140) for o in successor.listen(float(now), now * 10**9, listening=True)]
    ((event,),) = [outcome.events for outcome in told]
    assert (event.condition, event.state, event.since) == ("silent", "active_unacked", "1970-01-01T00:02:11.000Z")
    assert successor.alarm("a").condition == "silent"
    (event,) = successor.feed(diagnosis("normal"), 0).events
    assert (event.condition, event.active) == ("silent", False)


def test_a_sensor_that_was_never_diagnosed_has_no_alarm(contract):
    with pytest.raises(KeyError):
        pipeline_of(contract).alarm("a")


@pytest.mark.parametrize(("condition", "reason"), [(None, "say which condition"), ("rust", "no condition 'rust'")])
def test_an_acknowledgement_that_names_no_condition_of_the_sensor_is_told_so(contract, condition, reason):
    pipeline = pipeline_of(contract)
    (event,) = pipeline.feed(diagnosis("ball"), 0).events
    with pytest.raises(RefusedError, match=reason):
        pipeline.operate("a", Operation("ack", "ana", condition=condition), event.event_id, 0)
