from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.rounds import rounds_of


@given(st.lists(st.integers(0, 5), max_size=40))
def test_each_round_has_a_slot_once_and_the_rounds_keep_the_order_of_each_slot(slots: list[int]):
    rounds = rounds_of(np.array(slots, np.intp))
    assert sorted(row for rows in rounds for row in rows.tolist()) == list(range(len(slots)))
    seen: dict[int, int] = {}
    for rows in rounds:
        of_round = [slots[row] for row in rows.tolist()]
        assert len(set(of_round)) == len(of_round)
        for row in rows.tolist():
            assert seen.get(slots[row], -1) < row
            seen[slots[row]] = row
