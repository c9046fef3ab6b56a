from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.ack_tracker import AckTracker

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message


@given(order=st.permutations(range(6)))
def test_packets_are_settled_in_order_of_arrival_whatever_order_they_are_done_in(
    order: list[int], make_message: Callable[..., Message]
):
    tracker = AckTracker()
    packets = [tracker.open(make_message(payload=bytes([n]))) for n in range(6)]
    done: set[int] = set()
    settled: list[int] = []
    for n in order:
        packets[n].read = True
        done.add(n)
        settled += [in_flight.message.payload[0] for in_flight in tracker.settle()]
        assert settled == [n for n in range(6) if done.issuperset(range(n + 1))]
        assert len(tracker) == 6 - len(settled)


def test_a_packet_is_settled_once_it_is_read_and_its_windows_are_committed(make_message: Callable[..., Message]):
    tracker = AckTracker()
    in_flight = tracker.open(make_message())
    assert tracker.settle() == []  # not read to its end
    in_flight.read, in_flight.windows = True, 2
    assert tracker.settle() == []
    in_flight.windows = 0
    assert tracker.settle() == [in_flight]
    assert tracker.settle() == []


def test_a_packet_without_windows_waits_only_for_those_before_it(make_message: Callable[..., Message]):
    tracker = AckTracker()
    first, partial = tracker.open(make_message()), tracker.open(make_message())
    first.windows, first.read, partial.read = 1, True, True
    assert tracker.settle() == []
    first.windows = 0
    assert tracker.settle() == [first, partial]


def test_the_unacknowledged_packets_are_those_of_qos_1(make_message: Callable[..., Message]):
    tracker = AckTracker()
    packets = [tracker.open(make_message(qos=qos)) for qos in (0, 1, 1, 0)]
    assert tracker.unacknowledged == 2
    for in_flight in packets[:3]:
        in_flight.read = True
    tracker.settle()
    assert (len(tracker), tracker.unacknowledged) == (1, 0)
    tracker.open(make_message(qos=1))
    tracker.give_up()
    assert tracker.unacknowledged == 0
