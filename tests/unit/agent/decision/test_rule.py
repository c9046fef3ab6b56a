from __future__ import annotations

from dataclasses import replace

import pytest

from drsn.agent.decision.alarm_state import Condition, State
from drsn.agent.decision.cusum import BOUND_NATS, DOUBT_NATS, accumulate
from drsn.agent.decision.rule import AlarmRule, WindowEvidence, deciding_votes, update
from drsn.agent.decision.voting import Quorum

VOTES = AlarmRule(Quorum(2, 3), Quorum(2, 2))
SEQUENTIAL = replace(VOTES, threshold_nats=10.0)
NORMAL, ACTIVE = Condition(), Condition(state=State.ACTIVE_UNACKED)


def window(z: float, ceiling: float = BOUND_NATS, *, vote: bool | None = None) -> WindowEvidence:
    """A whole new window of 100 ns; it votes as it weighs."""
    return WindowEvidence(z > 0 if vote is None else vote, z, 100, 1.0, ceiling)


def after(condition: Condition, windows: list[WindowEvidence], terms: AlarmRule) -> tuple[Condition, int]:
    """The condition after these windows, and which of them changed it, from 1; 0: none."""
    for at, each in enumerate(windows, start=1):
        condition, changes = update(condition, each, terms)
        if changes:
            return condition, at
    return condition, 0


def test_votes_know_nothing_of_weights():
    assert after(NORMAL, [window(0.1, -DOUBT_NATS), window(-5.0), window(0.1, -DOUBT_NATS)], VOTES)[1] == 3
    assert after(ACTIVE, [window(-0.1), window(-0.1)], VOTES)[1] == 2


@pytest.mark.parametrize(("condition", "sign"), [(NORMAL, 1), (ACTIVE, -1)], ids=["raise", "clear"])
def test_the_sequential_test_needs_more_windows_the_less_they_are_known(condition: Condition, sign: int):
    windows = [window(sign * BOUND_NATS, ceiling) for ceiling in [BOUND_NATS] * 3]
    assert after(condition, windows, SEQUENTIAL)[1] == 3
    assert after(condition, [window(sign * BOUND_NATS, 2.0)] * 20, SEQUENTIAL)[1] == 7
    assert after(condition, [window(sign * BOUND_NATS, 0.0)] * 1000, SEQUENTIAL)[1] == 0
    assert after(condition, [window(sign * BOUND_NATS, -DOUBT_NATS)] * 1000, SEQUENTIAL)[1] == 0


def test_what_is_against_counts_in_full_however_new_the_window():
    before = replace(NORMAL, evidence=8.0)
    after_one, _ = update(before, window(-4.0, 1.0), SEQUENTIAL)
    assert after_one.evidence == accumulate(8.0, -4.0, 1.0)


def test_a_delay_asks_that_the_rule_be_met_for_so_much_signal():
    terms = replace(SEQUENTIAL, on_delay_ns=300)
    assert after(NORMAL, [window(BOUND_NATS)] * 9, terms)[1] == 5
    doubtful = [window(BOUND_NATS)] * 3 + [window(BOUND_NATS, -DOUBT_NATS)] + [window(BOUND_NATS)] * 9
    assert after(NORMAL, doubtful, terms)[1] == 7


def test_the_tally_tells_of_how_many_windows_the_evidence_is():
    windows = [window(-1.0), window(BOUND_NATS, 3.0, vote=False), *[window(BOUND_NATS)] * 2]
    condition, at = after(NORMAL, windows, SEQUENTIAL)
    assert at == 4
    assert deciding_votes(condition, SEQUENTIAL) == (2, 3)
