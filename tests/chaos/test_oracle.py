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


def snapshot(made: Life, packets: int) -> dict[int, bytes]:
    """The agent had acknowledged so many, and lost its memory."""
    return {made.boot_id: bytes(made.marks[:packets])}


def test_an_alarm_that_was_taken_over_after_a_lapse_is_the_state_to_begin_with():
    made = life(24)
    raised, cleared = changes(made, 7), changes(made, 11)
    adopted = [change._replace(adopted=True) for change in raised]
    assert judge([made], [*raised, *adopted, *cleared, *changes(made, 15, 19, 23)], BLOCK, [snapshot(made, 8)]) is None
    twice = [*raised, *adopted, *adopted, *cleared, *changes(made, 15, 19, 23)]
    assert judge([made], twice, BLOCK, [snapshot(made, 8)]) is not None


def test_a_memory_that_was_lost_begins_votes_and_alarms_anew():
    made = life(24)
    # Without an alarm again, it raises at 15 what it had raised at 7, and has not noticed that it was over at 11.
    assert judge([made], changes(made, 7, 15, 19, 23), BLOCK, [snapshot(made, 10)]) is None
    assert judge([made], changes(made, 7, 11, 15, 19, 23), BLOCK, [snapshot(made, 10)]) is not None
    assert judge([made], changes(made, 7, 11, 15, 19, 23), BLOCK) is None


def test_of_the_last_packet_before_a_lapse_alone_the_event_may_be_lost():
    made = life(24)
    for told in ((15, 19, 23), (7, 15, 19, 23)):
        assert judge([made], changes(made, *told), BLOCK, [snapshot(made, 8)]) is None
    assert judge([made], changes(made, 15, 19, 23), BLOCK, [snapshot(made, 9)]) is not None


def test_packets_that_were_not_acknowledged_before_a_lapse_come_again():
    made = life(12)
    before = {made.boot_id: bytes([DELIVERED | ACKED] * 4 + [DELIVERED] * 4)}
    for told in ((7, 11), (7, 7, 11)):
        assert judge([made], changes(made, *told), BLOCK, [before]) is None, "counted before it too, or not"
    assert judge([made], changes(made, 7, 7, 7, 11), BLOCK, [before]) is not None


def test_an_event_that_is_known_to_be_lost_counts_as_told():
    made = life(17)
    first, _, third = changes(made, 7, 11, 15)
    assert judge([made], [first, None, third], BLOCK) is None
    assert judge([made], [first, None, None, third], BLOCK) is not None


def test_a_window_of_the_future_has_the_time_of_its_arrival():
    made = life(9)
    made.sent_unix_s = [made.end_unix_ns(seq) / 1e9 - 3600 for seq in range(9)]
    sent_ms = round(made.sent_unix_s[7] * 1e3)
    for late_ms, fits in ((0, True), (5_000, True), (-5_000, False), (1_300_000, False)):
        assert (judge([made], [Change(True, sent_ms + late_ms)], BLOCK) is None) is fits
    assert judge([made], changes(made, 7), BLOCK) is None, "where the sensor is trusted it has the sensor's"
