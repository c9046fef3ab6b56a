"""The oracle notices one packet lost or counted twice, one event too many, too few or of another window."""

from __future__ import annotations

import pytest
from chaos.oracle import Change, judge
from chaos.sensors import ACKED, DELIVERED, Life

BLOCK = 4


def life(packets: int, boot_id: int = 1) -> Life:
    """Healthy for four packets, faulty for four, and so on; all were acknowledged."""
    made = Life("s", boot_id, 1_800_000_000_000_000_000 + boot_id * 10**12, 0, BLOCK)
    made.marks.extend([DELIVERED | ACKED] * packets)
    return made


def changes(made: Life, *seqs: int) -> list[Change]:
    return [Change(made.faulty(seq), made.end_unix_ns(seq) // 1_000_000) for seq in seqs]


def test_every_block_ends_in_an_event():
    made = life(17)
    assert judge([made], changes(made, 7, 11, 15), BLOCK) is None


@pytest.mark.parametrize("told", [(), (7,), (7, 11), (11, 15), (7, 11, 15, 19), (6, 11, 15), (7, 7, 11, 15)])
def test_anything_else_is_noticed(told: tuple[int, ...]):
    made = life(17)
    assert judge([made], changes(made, *told), BLOCK) is not None


def test_a_packet_that_never_came_costs_its_block_the_event():
    made = life(17)
    made.marks[5] = 0
    assert judge([made], changes(made, 7, 11, 15), BLOCK) is not None
    assert judge([made], changes(made, 15), BLOCK) is None, "the next block that is whole"


def test_a_packet_that_came_and_was_never_acknowledged_may_have_counted_or_not():
    made = life(8)
    made.marks[7] = DELIVERED
    for told in ((), (7,)):
        assert judge([made], changes(made, *told), BLOCK) is None


def test_a_new_life_begins_the_votes_anew():
    first, second = life(7, 1), life(8, 2)
    assert judge([first, second], changes(second, 7), BLOCK) is None
    assert judge([first, second], changes(first, 7), BLOCK) is not None
