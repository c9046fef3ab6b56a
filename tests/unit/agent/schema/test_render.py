from __future__ import annotations

import uuid
from dataclasses import replace

from witness import renderer_of

from drsn.agent.decision.alarm_state import Change, Condition, SensorState, State
from drsn.agent.decision.baseline import Baseline, BaselineStatistics
from drsn.agent.decision.diagnosis import SENSOR_FAULT, UNKNOWN
from drsn.agent.schema.render import EVENT_NAMESPACE
from drsn.model.contract import Severity

LEARNT = BaselineStatistics(350, -1.0, 0.1, 1.0, 0.1, 1.0, allowance=0.4)


def raised(since_s: int = 0, severity: Severity | None = None, **more: object) -> Condition:
    return Condition(State.ACTIVE_UNACKED, seq=since_s, since_unix_ns=since_s * 10**9, severity=severity, **more)


def order(contract, conditions: dict[str, Condition]) -> list[str]:
    """The conditions of the alarm, the most urgent first."""
    return [each.condition for each in renderer_of(contract).alarm("a", SensorState(conditions)).conditions]


def test_the_alarm_of_a_sensor_names_every_standing_condition_and_repeats_the_most_urgent(contract):
    conditions = {UNKNOWN: raised(1), "ball": raised(2), "normal_now": Condition(), "inner_race": raised(3)}
    alarm = renderer_of(contract).alarm("a", SensorState(conditions, seq=3))
    # inner_race is critical by its worst label, ball is major, and unknown is no machine condition.
    assert [document.condition for document in alarm.conditions] == ["inner_race", "ball", UNKNOWN]
    top = alarm.conditions[0]
    assert (alarm.condition, alarm.severity, alarm.event_id) == (top.condition, top.severity, top.event_id)
    assert alarm.severity == "critical"
    assert alarm.seq == 3


def test_of_equal_severity_the_older_comes_first(contract):
    assert order(contract, {"b": raised(2), "a": raised(1)}) == ["a", "b"]


def test_a_machine_condition_comes_before_those_of_the_sensor_whatever_their_severity(contract):
    conditions = {SENSOR_FAULT: raised(severity=Severity.CRITICAL), "ball": raised(severity=Severity.MINOR)}
    assert order(contract, conditions) == ["ball", SENSOR_FAULT]


def test_what_an_operator_suppresses_comes_last_and_an_acknowledged_one_after_an_open_one(contract):
    acked = replace(raised(severity=Severity.CRITICAL), state=State.ACTIVE_ACKED)
    shelved = raised(severity=Severity.CRITICAL, shelved_until_unix_ns=1)
    assert order(contract, {"a": shelved, "b": acked, "ball": raised(severity=Severity.MINOR)}) == ["ball", "b", "a"]


def test_event_ids_follow_from_agent_epoch_sensor_and_seq_alone(contract):
    events = [renderer_of(contract).event("a", Change("ball", raised(1, confidence=p))) for p in (0.5, 0.9)]
    assert events[0].event_id == events[1].event_id == str(uuid.uuid5(EVENT_NAMESPACE, "line4/e1/a/1"))


def test_times_of_an_event_are_those_of_the_deciding_window_and_of_the_clock(contract):
    change = Change("ball", raised(5, decided_unix_ns=7_250_000_000))
    event = renderer_of(contract).event("a", change)
    assert (event.since, event.decided_at) == ("1970-01-01T00:00:05.000Z", "1970-01-01T00:00:07.250Z")


def test_a_baseline_of_another_bundle_is_shown_as_not_in_use(contract):
    renderer = renderer_of(contract)
    states = [SensorState({}, commission=Baseline(LEARNT, sha256, 0.1, 0, "ana")) for sha256 in ("0" * 64, "1" * 64)]
    assert [renderer.baseline(state).in_use for state in states] == [True, False]
    assert renderer.baseline(SensorState({})) is renderer.baseline(None) is None
