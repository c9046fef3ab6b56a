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
    assert group.wait_s(0, 1.0) is None
    group.hold([], 1.0, done=False)
    assert group.wait_s(1, 1.0) is None, "a packet whose windows are not diagnosed yet"


def test_votes_wait_for_others_and_go_together():
    group = GroupCommit(64)
    for step in range(10):
        group.came(now_s := 5.0 + step * GROUP_S / 10)
        group.hold([VOTE], now_s, done=True)
        assert group.wait_s(step, now_s) == pytest.approx(min(LULL_S, GROUP_S - step * GROUP_S / 10))
    assert group.wait_s(10, 5.0 + GROUP_S) == 0
    assert group.take() == [VOTE] * 10
    assert group.wait_s(0, 5.0 + GROUP_S) is None


def test_a_lull_ends_the_wait():
    group = GroupCommit(64)
    group.came(1.0)
    group.hold([], 1.0, done=True)
    assert group.wait_s(1, 1.0 + LULL_S) == 0


@pytest.mark.parametrize(("outcomes", "packets"), [([VOTE, CHANGE], 1), ([VOTE], 64)])
def test_a_transition_waits_for_nobody_nor_do_packets_that_the_broker_counts(outcomes: list[Outcome], packets: int):
    group = GroupCommit(64)
    group.came(1.0)
    group.hold(outcomes, 1.0, done=True)
    assert group.wait_s(packets, 1.0) == 0
    assert group.take() == outcomes
    group.hold([VOTE], 1.0, done=True)
    assert group.wait_s(1, 1.0) > 0, "the next one waits again"


@given(st.lists(st.tuples(st.floats(0, 0.1), st.integers(0, 3)), max_size=40))
def test_nothing_is_lost_doubled_reordered_or_late(steps: list[tuple[float, int]]):
    group, now_s, taken, held, oldest_s = GroupCommit(64), 0.0, [], [], None
    for number, (pause_s, count) in enumerate(steps):
        now_s += pause_s
        group.came(now_s)
        outcomes = [Outcome(f"{number}.{n}", None, SENSOR, ()) for n in range(count)]
        group.hold(outcomes, now_s, done=False)
        held += outcomes
        oldest_s = now_s if oldest_s is None and outcomes else oldest_s
        wait_s = group.wait_s(1, now_s)
        assert wait_s is None or now_s + wait_s <= oldest_s + GROUP_S + 0.1
        if wait_s == 0:
            taken += group.take()
            oldest_s = None
    assert taken + group.take() == held


def test_packets_without_an_acknowledgement_end_no_lull_while_the_broker_waits_for_one():
    """It may let twenty be in flight: then only those of QoS 0 go on coming."""
    group = GroupCommit(64)
    group.came(1.0)
    group.hold([VOTE], 1.0, done=True)
    group.came(1.0 + LULL_S, free=True, owed=20)
    assert group.wait_s(20, 1.0 + LULL_S) == 0
    group.came(1.0 + LULL_S, free=True, owed=0)
    assert group.wait_s(0, 1.0 + LULL_S) == pytest.approx(LULL_S)
