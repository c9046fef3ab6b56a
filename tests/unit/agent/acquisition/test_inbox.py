from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.inbox import Counts, Inbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message

    Make = Callable[..., Message]


class Watched(threading.Condition):
    """Sets an event when a thread begins to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.set()
        return super().wait(timeout)


@pytest.fixture
def full(make_message: Make) -> Inbox:
    """Two QoS 1 messages, and room for no more."""
    inbox = Inbox(2)
    inbox._changed = Watched()
    for n in range(2):
        inbox.put(make_message(payload=bytes([n])))
    return inbox


def blocked(inbox: Inbox, message: Message) -> threading.Thread:
    """The network's thread, once it waits for room."""
    thread = threading.Thread(target=inbox.put, args=(message,), daemon=True)
    thread.start()
    assert inbox._changed.waited.wait(10)
    return thread


def payloads(messages: list[Message]) -> list[int]:
    return [message.payload[0] for message in messages]


STEP = st.one_of(st.sampled_from([1, 2, 9]), st.tuples(st.sampled_from([0, 0, 1]), st.sampled_from(["a", "b", "c"])))


@given(capacity=st.integers(1, 6), steps=st.lists(STEP, max_size=60))
def test_it_is_bounded_and_sheds_the_oldest_qos_0_message_of_the_topic_with_most(capacity, steps, make_message: Make):
    inbox, inside, shed, taken = Inbox(capacity), [], 0, 0
    for n, step in enumerate(steps):
        if isinstance(step, int):
            messages = inbox.take(step, 0)
            assert payloads(messages) == [m.payload[0] for m in inside[:step]]
            inside, taken = inside[step:], taken + len(messages)
            continue
        message = make_message(step[1], payload=bytes([n]), qos=step[0])
        if len(inside) < capacity:
            inbox.put(message)
        elif waiting := Counter(m.topic for m in inside if m.qos == 0):
            inbox.put(message)
            (gone,) = (m for m in inside if m not in inbox._messages)
            assert waiting[gone.topic] == max(waiting.values())
            assert gone is next(m for m in inside if m.qos == 0 and m.topic == gone.topic)
            inside.remove(gone)
            shed += 1
        else:
            continue  # the network's thread would wait
        inside.append(message)
        assert len(inbox) == len(inside) <= capacity
        assert inbox.shed == shed
        assert inbox.received == taken + shed + len(inbox)
    assert inbox.take(capacity, 0) == inside


def test_a_sensor_that_floods_takes_nothing_from_the_others(make_message: Make):
    inbox = Inbox(8)
    quiet = [make_message(f"quiet{n}", payload=bytes([n]), qos=0) for n in range(4)]
    for message in quiet:
        inbox.put(message)
    for n in range(100):
        inbox.put(make_message("flood", payload=bytes([n]), qos=0))
    assert inbox.shed == 96
    assert payloads(inbox.take(9, 0)) == [0, 1, 2, 3, 96, 97, 98, 99]


def test_when_it_is_full_of_qos_1_the_network_waits(full: Inbox, make_message: Make):
    thread = blocked(full, make_message(payload=b"\x02"))
    assert len(full) == 2
    assert payloads(full.take(1, 0)) == [0]
    thread.join(10)
    assert payloads(full.take(9, 0)) == [1, 2]
    assert (full.received, full.shed) == (3, 0)


def test_a_closed_inbox_accepts_nothing_and_hands_over_what_is_in_it(full: Inbox, make_message: Make):
    thread = blocked(full, make_message(payload=b"\x02"))
    full.close()
    thread.join(10)
    assert not thread.is_alive()
    full.put(make_message(payload=b"\x03"))
    assert full.received == 2
    assert payloads(full.take(9, 60.0)) == [0, 1]
    assert full.take(9, 60.0) == []  # at once: nothing will come


@pytest.mark.parametrize("end", [Inbox.wake, Inbox.notify, Inbox.close])
def test_a_waiting_take_can_be_woken(end: Callable[[Inbox], None]):
    inbox, taken = Inbox(1), []
    inbox._changed = Watched()
    thread = threading.Thread(target=lambda: taken.append(inbox.take(1, 60.0)), daemon=True)
    thread.start()
    assert inbox._changed.waited.wait(10)
    end(inbox)
    thread.join(10)
    assert taken == [[]]


def test_a_waiting_take_returns_a_new_message(make_message: Make):
    inbox, taken = Inbox(1), []
    inbox._changed = Watched()
    thread = threading.Thread(target=lambda: taken.extend(inbox.take(1, 60.0)), daemon=True)
    thread.start()
    assert inbox._changed.waited.wait(10)
    inbox.put(make_message(payload=b"\x05"))
    thread.join(10)
    assert payloads(taken) == [5]


def test_the_counts_are_of_one_moment(full: Inbox):
    counts: list[Counts] = []
    thread = threading.Thread(target=lambda: counts.append(full.counts()), daemon=True)
    with full._changed:  # as while the network's thread adds a message
        thread.start()
        thread.join(0.2)
        assert counts == []
    thread.join(10)
    assert counts == [Counts(received=2, shed=0, waiting=2)]


def test_between_two_messages_each_one_is_counted(make_message: Make):
    inbox, sums = Inbox(2), []

    class Left(threading.Condition):
        def __exit__(self, *end: object) -> None:
            sums.append(inbox.received - inbox.shed - len(inbox))
            super().__exit__(*end)

    inbox._changed = Left()
    for n in range(4):
        inbox.put(make_message(payload=bytes([n]), qos=0))
    assert sums == [0] * 4


def test_qos_1_of_a_cut_connection_is_discarded_and_received_when_it_comes_again(full: Inbox, make_message: Make):
    """Also the message with which the network's thread waits for room at that moment."""
    (taken,) = full.take(1, 0)
    full.put(make_message(payload=b"\7"))
    thread = blocked(full, make_message(payload=b"\2"))
    assert full.discard_redeliverable([taken], 0) == 0
    thread.join(10)
    assert full.counts() == Counts(received=0, shed=0, waiting=0)
    full.put(make_message(payload=b"\1", epoch=1))
    assert payloads(full.take(9, 0)) == [1]
    assert full.counts().received == 1


def test_qos_0_of_a_cut_connection_stays_or_is_shed(make_message: Make):
    """It never comes again."""
    inbox = Inbox(8)
    for n, qos in enumerate((0, 1, 0, 1)):
        inbox.put(make_message(payload=bytes([n]), qos=qos))
    assert inbox.discard_redeliverable(inbox.take(2, 0), 0) == 1
    assert inbox.counts() == Counts(received=2, shed=1, waiting=1)
    assert payloads(inbox.take(9, 0)) == [2]


def test_a_wake_is_kept_for_the_next_take_and_a_notification_is_not():
    inbox = Inbox(4)
    inbox.notify()
    before_s = time.monotonic()
    inbox.take(1, 0.05)
    assert time.monotonic() - before_s >= 0.05
    inbox.wake()
    before_s = time.monotonic()
    inbox.take(1, 60.0)
    assert time.monotonic() - before_s < 30
