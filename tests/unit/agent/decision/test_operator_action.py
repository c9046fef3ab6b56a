from __future__ import annotations

from dataclasses import replace

import pytest

from drsn.agent.decision.alarm_state import TRANSITIONS, Condition, SensorState, Signal, State
from drsn.agent.decision.operator_action import (
    ACTIONS,
    MAX_SHELF_NS,
    OperatorAction,
    RefusedError,
    apply,
    unshelve_expired,
)
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.voting import Quorum

PLAIN = Policy.votes(Quorum(1, 1), Quorum(1, 1))
STRICT = replace(PLAIN, require_ack=True)
NOW = 10**18


def sensor(state: State = State.ACTIVE_UNACKED, **more: object) -> SensorState:
    ball = Condition(state=state, seq=7, told=(5, 7), since_unix_ns=3, label="ball", **more)
    return SensorState(
        {"ball": ball, "inner_race": Condition(), "sensor_fault": Condition(), "silent": Condition()}, seq=9
    )


def do(before: SensorState, verb: str, policy: Policy = PLAIN, **more: object) -> tuple[SensorState, list]:
    asked = {"condition": "ball", "seq": 7 if verb == "ack" else None, "until_unix_ns": NOW + 3600 * 10**9}
    return apply(before, OperatorAction(verb, "ana", "seen it", **{**asked, **more}), policy, NOW)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(("verb", "signal", "policy"), [
    ("ack", Signal.ACK, PLAIN), ("reset", Signal.RESET, PLAIN), ("reset", Signal.RESET_REQUIRE_ACK, STRICT)
])  # fmt: skip
def test_the_table_alone_says_what_an_operator_may_do(state: State, verb: str, signal: Signal, policy: Policy):
    if (state, signal) in TRANSITIONS:
        after, (change,) = do(sensor(state), verb, policy)
        assert after.conditions["ball"].state is TRANSITIONS[state, signal]
        assert (after.seq, change.condition.seq, change.condition.told) == (10, 10, (5, 7, 10))
        assert (change.condition.by, change.condition.comment) == ("ana", "seen it")
        assert change.condition.since_unix_ns == 3, "since when it stands, not since when somebody looked"
        assert change.condition.decided_unix_ns == NOW
    else:
        with pytest.raises(RefusedError, match=verb):
            do(sensor(state), verb, policy)


@pytest.mark.parametrize("seq", [5, 7])
def test_any_event_of_the_alarm_as_it_stands_may_be_acknowledged(seq: int):
    after, _ = do(sensor(), "ack", seq=seq)
    assert (after.conditions["ball"].state, after.conditions["ball"].acked_by) == (State.ACTIVE_ACKED, "ana")


@pytest.mark.parametrize("seq", [None, 0, 4, 6, 8])
def test_an_event_that_is_not_of_this_alarm_is_not(seq: int | None):
    with pytest.raises(RefusedError, match="read the alarm again"):
        do(sensor(), "ack", seq=seq)


def test_who_acknowledged_stands_in_the_refusal_of_the_next():
    with pytest.raises(RefusedError, match="acknowledged by ben"):
        do(sensor(State.ACTIVE_ACKED, acked_by="ben"), "ack")


def test_a_reset_waits_until_the_cause_is_gone():
    with pytest.raises(RefusedError, match="still there"):
        do(sensor(State.ACTIVE_ACKED), "reset")


@pytest.mark.parametrize(("verb", "by"), [("shelve", "shelved"), ("out_of_service", "out_of_service")])
def test_what_is_put_aside_says_so_and_comes_back(verb: str, by: str):
    aside, (change,) = do(sensor(), verb)
    assert change.condition.suppressed_by == by
    assert change.condition.state is State.ACTIVE_UNACKED, "it goes on being watched"
    with pytest.raises(RefusedError, match="already"):
        do(aside, verb)
    back, (change,) = do(aside, {"shelve": "unshelve"}.get(verb, "in_service"))
    assert (change.condition.suppressed_by, back.seq) == (None, 11)


def test_out_of_service_comes_before_shelved():
    both, _ = do(do(sensor(), "shelve")[0], "out_of_service")
    assert both.conditions["ball"].suppressed_by == "out_of_service"
    assert do(both, "in_service")[0].conditions["ball"].suppressed_by == "shelved"


def test_without_a_condition_the_whole_sensor_is_meant():
    after, changes = do(sensor(), "out_of_service", condition=None)
    assert [c.name for c in changes] == ["ball", "inner_race", "sensor_fault", "silent"]
    assert [c.condition.seq for c in changes] == [10, 11, 12, 13]
    assert after.conditions["silent"].suppressed_by == "out_of_service"
    assert {c.condition.since_unix_ns for c in changes} == {3, NOW}, "a condition that never was has no other time"


def test_back_from_the_shelf_the_gate_suppresses_again():
    closed = replace(PLAIN, limits=GateLimits(rms=1.0))
    aside, _ = do(sensor(), "shelve", closed)
    after, _ = do(aside, "unshelve", closed)
    assert after.conditions["ball"].suppressed_by == "gate"
    after, _ = do(do(sensor(), "shelve", closed, condition="silent")[0], "unshelve", closed, condition="silent")
    assert after.conditions["silent"].suppressed_by is None


@pytest.mark.parametrize("until", [0, NOW, NOW + MAX_SHELF_NS + 1])
def test_a_shelving_lasts_eight_hours_at_most(until: int):
    with pytest.raises(RefusedError, match="8 hours"):
        do(sensor(), "shelve", until_unix_ns=until)


@pytest.mark.parametrize("verb", ["ack", "reset"])
def test_what_answers_one_alarm_must_name_it(verb: str):
    with pytest.raises(RefusedError, match="which condition"):
        do(sensor(), verb, condition=None)


@pytest.mark.parametrize("verb", ACTIONS)
def test_a_condition_that_the_sensor_lacks_is_named_with_those_it_has(verb: str):
    with pytest.raises(RefusedError, match=r"'bal'.*ball, inner_race"):
        do(sensor(), verb, condition="bal")


def test_a_shelving_ends_by_the_clock_and_at_once_if_the_clock_was_set_back():
    until = NOW + MAX_SHELF_NS
    shelved, _ = do(sensor(), "shelve", until_unix_ns=until)
    assert unshelve_expired(shelved, PLAIN, until - 1) == (shelved, [])
    for now in (until, NOW - 1):
        after, (change,) = unshelve_expired(shelved, PLAIN, now)
        c = change.condition
        assert (c.suppressed_by, c.shelved_until_unix_ns, c.by, c.decided_unix_ns) == (None, 0, None, now)
        assert after.seq == shelved.seq + 1


def test_a_shelving_that_ends_while_out_of_service_is_told_too():
    both, _ = do(do(sensor(), "shelve", until_unix_ns=NOW + 1)[0], "out_of_service")
    after, (change,) = unshelve_expired(both, PLAIN, NOW + 1)
    assert (change.condition.suppressed_by, change.condition.shelved_until_unix_ns) == ("out_of_service", 0)
    assert after.seq == change.condition.seq == both.seq + 1


SHELVED_UNTIL = NOW + 3600 * 10**9


def marked(before: SensorState, seq: int | None = 5, condition: str = "ball") -> tuple[SensorState, list]:
    return do(before, "false_alarm", seq=seq, condition=condition)


def test_a_false_alarm_is_marked_acknowledged_and_shelved():
    after, (change,) = marked(sensor())
    ball = after.conditions["ball"]
    assert (ball.state, ball.acked_by, ball.false_alarm_seq) == (State.ACTIVE_ACKED, "ana", 5)
    assert (ball.suppressed_by, ball.shelved_until_unix_ns) == ("shelved", SHELVED_UNTIL)
    assert (change.condition.by, change.condition.comment, change.condition.since_unix_ns) == ("ana", "seen it", 3)


@pytest.mark.parametrize("seq", [5, 7, 10])
def test_a_false_alarm_is_marked_once_whichever_of_its_events_is_named(seq: int):
    after, _ = marked(sensor())
    with pytest.raises(RefusedError, match="so it stands already"):
        marked(after, seq)


def test_a_false_alarm_that_stands_longer_than_its_shelving_is_shelved_again_with_the_same_mark():
    after, _ = marked(sensor())
    expired, _ = unshelve_expired(after, PLAIN, SHELVED_UNTIL)
    assert expired.conditions["ball"].false_alarm_seq == 5
    again, _ = marked(expired, 7)
    assert (again.conditions["ball"].false_alarm_seq, again.conditions["ball"].suppressed_by) == (5, "shelved")


@pytest.mark.parametrize(("state", "acked"), [(State.NORMAL, None), (State.CLEARED_UNACKED, None)])
def test_an_alarm_that_is_over_is_marked_and_not_shelved(state: State, acked: str | None):
    after, (change,) = marked(sensor(state), 3)
    ball = after.conditions["ball"]
    assert (ball.state, ball.false_alarm_seq, ball.shelved_until_unix_ns) == (State.NORMAL, 3, 0)
    assert (change.condition.suppressed_by, ball.acked_by) == (None, acked)
    with pytest.raises(RefusedError, match="so it stands already"):
        marked(after, 3)


@pytest.mark.parametrize(
    ("condition", "seq", "reason"),
    [
        ("ball", 4, "of an earlier alarm"),
        ("ball", None, "name an event"),
        ("inner_race", 2, "never raised"),
        ("sensor_fault", 2, "sensor_faults.ignore"),
        ("silent", 2, "of the sensor"),
        (None, 5, "say which condition"),
    ],
)
def test_what_is_no_false_alarm_of_the_machine_is_refused(condition: str | None, seq: int | None, reason: str):
    with pytest.raises(RefusedError, match=reason):
        marked(sensor(), seq, condition)


def test_a_false_alarm_is_shelved_for_eight_hours_at_most():
    with pytest.raises(RefusedError, match="8 hours"):
        do(sensor(), "false_alarm", seq=5, until_unix_ns=NOW + MAX_SHELF_NS + 1)
