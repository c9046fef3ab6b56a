from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drsn.agent.acquisition.continuity import PAST_BOOTS, Continuity, Cursor, PastBoot, advance, classify, lost_samples

if TYPE_CHECKING:
    from collections.abc import Callable


Make = "Callable[..., Packet]"

RATE_HZ = 1000.0
N = 100
"""Samples of a packet: 100 ms."""
MS = 1_000_000
END = 5_000 * MS
"""When the sample after the last one is due."""
WRAP = 2**32


@pytest.fixture
def classified(make_packet: Make) -> Callable[..., Continuity]:
    def of(cursor: dict[str, Any], said: dict[str, Any], *, continuous: bool = False) -> Continuity:
        return classify(Cursor(**cursor), make_packet(N, **said), RATE_HZ, continuous=continuous)

    return of


def test_the_first_packet_of_a_sensor_has_none_before_it(make_packet: Make):
    assert classify(None, make_packet(seq=7), RATE_HZ, continuous=True) is Continuity.FIRST


BOOT = {"boot_id": 7, "seq": 1000, "end_unix_ns": END}
NO_BOOT = {"seq": 1000, "end_unix_ns": END}


@pytest.mark.parametrize(
    ("cursor", "said", "expected"),
    [
        # seq alone
        ({"seq": 10}, {"seq": 11}, Continuity.TOUCHES),
        ({"seq": 10}, {"seq": 12}, Continuity.GAP),
        ({"seq": WRAP - 1}, {"seq": 0}, Continuity.TOUCHES),
        ({"seq": WRAP - 1}, {"seq": 1}, Continuity.GAP),
        ({"seq": 0}, {"seq": WRAP - 1}, Continuity.DUPLICATE),
        ({"seq": 1000}, {"seq": 1000}, Continuity.DUPLICATE),
        ({"seq": 1000}, {"seq": 900}, Continuity.DUPLICATE),  # a redelivery: not older than what is in flight
        ({"seq": 1000}, {"seq": 0}, Continuity.RESTART),
        # a message of several packets
        ({"seq": 10}, {"seq": 12, "seq_span": 2}, Continuity.TOUCHES),
        ({"seq": 10}, {"seq": 13, "seq_span": 2}, Continuity.GAP),
        ({"seq": 10}, {"seq": 11, "seq_span": 2}, Continuity.APART),  # its first packet was read before
        ({"seq": 10}, {"seq": 10, "seq_span": 2}, Continuity.DUPLICATE),
        # boot_id
        (BOOT, {"boot_id": 8, "seq": 1001}, Continuity.RESTART),
        (BOOT, {"boot_id": 7, "seq": 1001}, Continuity.TOUCHES),
        (BOOT, {"boot_id": 7, "seq": 0}, Continuity.DUPLICATE),
        (BOOT, {"boot_id": 7, "seq": 0, "t0_unix_ns": END - 200 * MS}, Continuity.DUPLICATE),
        (BOOT, {"boot_id": 7, "seq": 0, "t0_unix_ns": END + 9 * MS}, Continuity.RESTART),  # its boot_id never changes
        (
            {**BOOT, "past_boots": (PastBoot(6, 40, None),)},
            {"boot_id": 6, "seq": 40},
            Continuity.DUPLICATE,
        ),  # redelivered behind a restart
        ({**BOOT, "past_boots": (PastBoot(6, 40, None),)}, {"boot_id": 6, "seq": 3}, Continuity.DUPLICATE),
        ({**BOOT, "past_boots": (PastBoot(6, 40, None),)}, {"boot_id": 6, "seq": 41}, Continuity.RESTART),
        ({**BOOT, "past_boots": (PastBoot(6, 40, None),)}, {"boot_id": 5, "seq": 40}, Continuity.RESTART),
        (
            {**BOOT, "past_boots": (PastBoot(6, 40, None), PastBoot(5, 9, None), PastBoot(4, 3, END - 900 * MS))},
            {"boot_id": 4, "seq": 3},
            Continuity.DUPLICATE,
        ),
        (
            {**BOOT, "past_boots": (PastBoot(6, 40, None), PastBoot(5, 9, None), PastBoot(4, 3, END - 900 * MS))},
            {"boot_id": 5, "seq": 10},
            Continuity.RESTART,
        ),
        ({"seq": 1000}, {"boot_id": 7, "seq": 1001}, Continuity.TOUCHES),
        ({"seq": 1000}, {"boot_id": 7, "seq": 0}, Continuity.RESTART),  # new firmware that sends boot_id
        # without boot_id, t0 distinguishes a restart from a repetition
        (NO_BOOT, {"seq": 0, "t0_unix_ns": END}, Continuity.RESTART),
        (NO_BOOT, {"seq": 999, "t0_unix_ns": END + 60_000 * MS}, Continuity.RESTART),
        (NO_BOOT, {"seq": 0, "t0_unix_ns": END - 200 * MS}, Continuity.DUPLICATE),
        # by seq no packet is missing, by t0 the sensor paused
        (NO_BOOT, {"seq": 1001, "t0_unix_ns": END + 60_000 * MS}, Continuity.APART),
        (NO_BOOT, {"seq": 1001, "t0_unix_ns": END + 1 * MS}, Continuity.TOUCHES),
        (NO_BOOT, {"seq": 1001, "t0_unix_ns": END + 50 * MS}, Continuity.TOUCHES),  # clocks are rounded, and drift
        (NO_BOOT, {"seq": 1001, "t0_unix_ns": END - 50 * MS}, Continuity.TOUCHES),
        (NO_BOOT, {"seq": 1001, "t0_unix_ns": END + 51 * MS}, Continuity.APART),
        (NO_BOOT, {"seq": 1002, "t0_unix_ns": END}, Continuity.GAP),
        # a sensor that always sends the same seq does not count: t0 alone
        (BOOT, {"boot_id": 7, "seq": 1000, "t0_unix_ns": END + 1 * MS}, Continuity.TOUCHES),
        (BOOT, {"boot_id": 7, "seq": 1000, "t0_unix_ns": END + 60_000 * MS}, Continuity.APART),
        # t0 alone, to a sample and a half
        ({"end_unix_ns": END}, {"t0_unix_ns": END + 1_500_000}, Continuity.TOUCHES),
        ({"end_unix_ns": END}, {"t0_unix_ns": END - 1_500_000}, Continuity.TOUCHES),
        ({"end_unix_ns": END}, {"t0_unix_ns": END + 2 * MS}, Continuity.APART),
        ({"end_unix_ns": END, "touched": True}, {"t0_unix_ns": END + 2 * MS}, Continuity.APART),  # jitter: none is lost
        ({"end_unix_ns": END, "touched": True}, {"t0_unix_ns": END + 50 * MS}, Continuity.GAP),
        ({"end_unix_ns": END, "touched": True}, {"t0_unix_ns": END - 900 * MS}, Continuity.APART),  # a clock was set
        # nothing
        ({}, {}, Continuity.APART),
        ({"seq": 1000}, {}, Continuity.APART),
    ],
)
def test_how_a_packet_relates_to_the_one_before(
    cursor: dict[str, Any], said: dict[str, Any], expected: Continuity, classified: Callable[..., Continuity]
):
    assert classified(cursor, said) is expected


def test_continuous_counts_only_where_nothing_is_known(classified: Callable[..., Continuity]):
    assert classified({}, {}, continuous=True) is Continuity.TOUCHES
    assert classified({"seq": 10}, {"seq": 12}, continuous=True) is Continuity.GAP
    assert classified({"seq": 10}, {"seq": 10}, continuous=True) is Continuity.DUPLICATE
    assert classified({"end_unix_ns": END}, {"t0_unix_ns": END + 2 * MS}, continuous=True) is Continuity.APART


@example(seq=0, ahead=WRAP // 2)
@given(seq=st.integers(0, WRAP - 1), ahead=st.integers(0, WRAP - 1))
def test_seq_is_compared_in_serial_arithmetic(seq: int, ahead: int, make_packet: Make):
    packet = make_packet(1, boot_id=7, seq=(seq + ahead) % WRAP)
    found = classify(Cursor(boot_id=7, seq=seq), packet, RATE_HZ, continuous=False)
    if ahead == 1:
        assert found is Continuity.TOUCHES
    else:
        assert found is (Continuity.GAP if 1 < ahead < WRAP // 2 else Continuity.DUPLICATE)


@given(
    first=st.integers(0, WRAP - 1),
    count=st.integers(1, 200),
    boot_id=st.sampled_from([0, 7]),
    timed=st.booleans(),
    data=st.data(),
)
def test_a_packet_that_was_read_before_is_a_duplicate(
    first: int, count: int, boot_id: int, timed: bool, data: st.DataObject, make_packet: Make  # noqa: FBT001
):  # fmt: skip
    """After a crash the broker sends again what was not acknowledged: at most what was in flight."""
    packets = [
        make_packet(N, boot_id=boot_id, seq=(first + i) % WRAP, t0_unix_ns=END + i * N * MS if timed else None)
        for i in range(count)
    ]
    cursor = None
    for packet in packets:
        cursor = advance(cursor, packet, RATE_HZ, classify(cursor, packet, RATE_HZ, continuous=False))
    again = data.draw(st.sampled_from(packets))
    assert classify(cursor, again, RATE_HZ, continuous=False) is Continuity.DUPLICATE


@pytest.mark.parametrize("boot_id", [0, 7])
@given(counts=st.tuples(st.integers(2, 120), st.integers(1, 120)), pause_ms=st.integers(0, 60_000), data=st.data())
def test_a_repetition_is_a_duplicate_across_a_restart_that_boot_id_does_not_show(
    boot_id: int, counts: tuple[int, int], pause_ms: int, data: st.DataObject, make_packet: Make
):
    first = [make_packet(N, boot_id=boot_id, seq=i, t0_unix_ns=END + i * N * MS) for i in range(counts[0])]
    born = END + (counts[0] * N + pause_ms) * MS
    second = [make_packet(N, boot_id=boot_id, seq=i, t0_unix_ns=born + i * N * MS) for i in range(counts[1] + 1)]
    cursor, found = None, []
    for packet in (*first, *second[:-1]):
        found.append(classify(cursor, packet, RATE_HZ, continuous=False))
        cursor = advance(cursor, packet, RATE_HZ, found[-1])
    touches = Continuity.TOUCHES
    assert found[1:] == [touches] * (counts[0] - 1) + [Continuity.RESTART] + [touches] * (counts[1] - 1)
    again = data.draw(st.sampled_from((*first, *second[:-1])))
    assert classify(cursor, again, RATE_HZ, continuous=False) is Continuity.DUPLICATE
    assert classify(cursor, second[-1], RATE_HZ, continuous=False) is touches


def test_a_clock_that_is_set_back_after_a_restart_makes_no_packet_an_earlier_one(make_packet: Make):
    """Unless it is set to before the restart, and the sensor is about as far as it was then."""
    cursor = Cursor(seq=9, end_unix_ns=END, before=(1000, END - 60_000 * MS))
    for seq, back_ms, expected in (
        (10, 59_000, Continuity.APART),
        (10, 160_000, Continuity.APART),
        (12, 160_000, Continuity.GAP),
        (800, 90_000, Continuity.DUPLICATE),
    ):
        packet = make_packet(N, seq=seq, t0_unix_ns=END - back_ms * MS)
        assert classify(cursor, packet, RATE_HZ, continuous=False) is expected


def test_a_clock_that_restarts_with_its_sensor_leaves_no_earlier_count(make_packet: Make):
    cursor = Cursor(seq=1000, end_unix_ns=END)
    assert advance(cursor, make_packet(N, seq=0, t0_unix_ns=1), RATE_HZ, Continuity.RESTART).before is None


def test_time_is_extrapolated_from_the_last_packet_with_t0(make_packet: Make):
    start = advance(None, make_packet(N, t0_unix_ns=END), RATE_HZ, Continuity.FIRST)
    assert start.end_unix_ns == END + 100 * MS
    assert advance(start, make_packet(N), RATE_HZ, Continuity.TOUCHES).end_unix_ns == END + 200 * MS
    assert advance(start, make_packet(N), RATE_HZ, Continuity.APART).end_unix_ns is None


def test_lost_packets_are_as_long_as_those_of_the_message_after_them(make_packet: Make):
    assert lost_samples(Cursor(seq=10), make_packet(N, seq=14, seq_span=2), RATE_HZ) == N
    assert lost_samples(Cursor(seq=10), make_packet(N, seq=12), RATE_HZ) == N


def test_only_a_gap_and_a_restart_reset_votes():
    assert {each for each in Continuity if each.resets_votes} == {Continuity.GAP, Continuity.RESTART}


def test_the_boot_before_a_restart_is_remembered(make_packet: Make):
    first = advance(None, make_packet(N, boot_id=1, seq=5), RATE_HZ, Continuity.FIRST)
    second = advance(first, make_packet(N, boot_id=2, seq=0), RATE_HZ, Continuity.RESTART)
    third = advance(second, make_packet(N, boot_id=2, seq=1), RATE_HZ, Continuity.TOUCHES)
    assert (first.past_boots, second.past_boots, third.past_boots) == (
        (),
        (PastBoot(1, 5, None),),
        (PastBoot(1, 5, None),),
    )


def test_the_last_boots_are_remembered_each_once_the_latest_first(make_packet: Make):
    cursor = None
    for boot_id in (9, *range(1, 8), 3, 10):
        for seq in (0, boot_id):
            packet = make_packet(N, boot_id=boot_id, seq=seq)
            cursor = advance(cursor, packet, RATE_HZ, Continuity.FIRST if cursor is None else Continuity.RESTART)
    assert [boot.boot_id for boot in cursor.past_boots] == [3, 7, 6, 5, 4, 2, 1, 9]
    assert all(boot.seq == boot.boot_id for boot in cursor.past_boots)
    assert len(cursor.past_boots) == PAST_BOOTS


def test_a_boot_id_that_is_used_again_is_a_restart_if_time_went_on(make_packet: Make):
    """Otherwise all packets would be duplicates until seq has passed the old one."""
    cursor = Cursor(2, 9, END, RATE_HZ, past_boots=(PastBoot(1, 4000, END - 60_000 * MS),))
    again = make_packet(N, boot_id=1, seq=0, t0_unix_ns=END + 1000 * MS)
    assert classify(cursor, again, RATE_HZ, continuous=False) is Continuity.RESTART
    late = make_packet(N, boot_id=1, seq=3999, t0_unix_ns=END - 60_200 * MS)
    assert classify(cursor, late, RATE_HZ, continuous=False) is Continuity.DUPLICATE
    assert [boot.boot_id for boot in advance(cursor, again, RATE_HZ, Continuity.RESTART).past_boots] == [2]


def test_a_restart_with_a_new_boot_id_leaves_no_earlier_count(make_packet: Make):
    """A clock that was ahead in both boots and is then set right goes back to before the restart."""
    said = {"boot_id": 2, "t0_unix_ns": END + 1000 * MS}
    cursor = advance(Cursor(1, 200, END), make_packet(N, seq=0, **said), RATE_HZ, Continuity.RESTART)
    assert cursor.before is None
    back = make_packet(N, seq=1, boot_id=2, t0_unix_ns=END - 60_000 * MS)
    assert classify(cursor, back, RATE_HZ, continuous=False) is Continuity.APART
