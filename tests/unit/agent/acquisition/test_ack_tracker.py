from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.ack_tracker import AckTracker

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message


@given(order=st.permutations(range(6)))
def test_packets_are_settled_in_order_of_receipt_whatever_order_they_are_done_in(
    order: list[int], make_message: Callable[..., Message]
):
    receipts = AckTracker()
    opened = [receipts.open(make_message(payload=bytes([n]))) for n in range(6)]
    done: set[int] = set()
    settled: list[int] = []
    for n in order:
        opened[n].read = True
        done.add(n)
        settled += [receipt.message.payload[0] for receipt in receipts.settle()]
        assert settled == [n for n in range(6) if done.issuperset(range(n + 1))]
        assert len(receipts) == 6 - len(settled)


def test_a_packet_is_settled_once_it_is_read_and_its_windows_are_committed(make_message: Callable[..., Message]):
    receipts = AckTracker()
    receipt = receipts.open(make_message())
    assert receipts.settle() == []  # not read to its end
    receipt.read, receipt.windows = True, 2
    assert receipts.settle() == []
    receipt.windows = 0
    assert receipts.settle() == [receipt]
    assert receipts.settle() == []


def test_a_packet_without_windows_waits_only_for_those_before_it(make_message: Callable[..., Message]):
    receipts = AckTracker()
    first, partial = receipts.open(make_message()), receipts.open(make_message())
    first.windows, first.read, partial.read = 1, True, True
    assert receipts.settle() == []
    first.windows = 0
    assert receipts.settle() == [first, partial]


def test_the_broker_waits_for_those_that_it_wants_acknowledged(make_message: Callable[..., Message]):
    receipts = AckTracker()
    for qos in (0, 1, 1, 0):
        receipts.open(make_message(qos=qos)).read = qos > 0
    assert receipts.owed == 2
    for receipt in list(receipts._open)[:2]:
        receipt.read = True
    receipts.settle()
    assert (len(receipts), receipts.owed) == (1, 0)
    receipts.open(make_message(qos=1))
    receipts.give_up()
    assert receipts.owed == 0
