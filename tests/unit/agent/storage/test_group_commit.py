from __future__ import annotations

import pytest
from events import BALL, SENSOR
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.alarm_engine import Outcome
from drsn.agent.decision.alarm_state import Change
from drsn.agent.storage.group_commit import GROUP_S, LULL_S, GroupCommit

VOTE = Outcome("a", None, SENSOR, ())
CHANGE = Outcome("a", None, SENSOR, (Change("ball", BALL),))


def test_nothing_waits_until_something_is_held():
    group = GroupCommit(64)
    assert group.due_in_s(0, 1.0) is None
    group.add([], 1.0, waiting=False)
    assert group.due_in_s(1, 1.0) is None, "a packet whose windows are not diagnosed yet"


def test_votes_wait_for_others_and_go_together():
    group = GroupCommit(64)
    for step in range(10):
        group.packet_arrived(now_s := 5.0 + step * GROUP_S / 10)
        group.add([VOTE], now_s, waiting=True)
        assert group.due_in_s(step, now_s) == pytest.approx(min(LULL_S, GROUP_S - step * GROUP_S / 10))
    assert group.due_in_s(10, 5.0 + GROUP_S) == 0
    assert group.take() == [VOTE] * 10
    assert group.due_in_s(0, 5.0 + GROUP_S) is None


def test_a_lull_ends_the_wait():
    group = GroupCommit(64)
    group.packet_arrived(1.0)
    group.add([], 1.0, waiting=True)
    assert group.due_in_s(1, 1.0 + LULL_S) == 0


@pytest.mark.parametrize(("outcomes", "packets"), [([VOTE, CHANGE], 1), ([VOTE], 64)])
def test_a_transition_and_half_of_the_packets_in_flight_commit_at_once(outcomes: list[Outcome], packets: int):
    group = GroupCommit(64)
    group.packet_arrived(1.0)
    group.add(outcomes, 1.0, waiting=True)
    assert group.due_in_s(packets, 1.0) == 0
    assert group.take() == outcomes
    group.add([VOTE], 1.0, waiting=True)
    assert group.due_in_s(1, 1.0) > 0, "the next one waits again"


@given(st.lists(st.tuples(st.floats(0, 0.1), st.integers(0, 3)), max_size=40))
def test_nothing_is_lost_doubled_reordered_or_late(steps: list[tuple[float, int]]):
    group, now_s, taken, held, oldest_s = GroupCommit(64), 0.0, [], [], None
    for number, (pause_s, count) in enumerate(steps):
        now_s += pause_s
        group.packet_arrived(now_s)
        outcomes = [Outcome(f"{number}.{n}", None, SENSOR, ()) for n in range(count)]
        group.add(outcomes, now_s, waiting=False)
        held += outcomes
        oldest_s = now_s if oldest_s is None and outcomes else oldest_s
        wait_s = group.due_in_s(1, now_s)
        assert wait_s is None or now_s + wait_s <= oldest_s + GROUP_S + 0.1
        if wait_s == 0:
            taken += group.take()
            oldest_s = None
    assert taken + group.take() == held


def test_packets_without_an_acknowledgement_end_no_lull_while_the_broker_waits_for_one():
    """It may let twenty be in flight: then only those of QoS 0 go on coming."""
    group = GroupCommit(64)
    group.packet_arrived(1.0)
    group.add([VOTE], 1.0, waiting=True)
    group.packet_arrived(1.0 + LULL_S, qos0_only=True, unacknowledged=20)
    assert group.due_in_s(20, 1.0 + LULL_S) == 0
    group.packet_arrived(1.0 + LULL_S, qos0_only=True, unacknowledged=0)
    assert group.due_in_s(0, 1.0 + LULL_S) == pytest.approx(LULL_S)
