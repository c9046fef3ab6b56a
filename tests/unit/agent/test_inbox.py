from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.message import Message

    Make = Callable[..., Message]


class Watched(threading.Condition):
    """Tells when somebody begins to wait."""

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


@given(capacity=st.integers(1, 5), steps=st.lists(st.sampled_from([0, 0, 1, "take"]), max_size=60))
def test_it_is_bounded_and_only_the_oldest_qos_0_is_shed(capacity: int, steps: list[int | str], make_message: Make):
    inbox, inside, shed, taken = Inbox(capacity), [], 0, 0
    for n, step in enumerate(steps):
        if step == "take":
            messages = inbox.take(2, 0)
            assert payloads(messages) == [m.payload[0] for m in inside[:2]]
            inside, taken = inside[2:], taken + len(messages)
            continue
        message = make_message(payload=bytes([n]), qos=step)
        if len(inside) == capacity:
            oldest = next((m for m in inside if m.qos == 0), None)
            if oldest is None:
                continue  # the network's thread would wait
            inside.remove(oldest)
            shed += 1
        inbox.put(message)
        inside.append(message)
        assert len(inbox) == len(inside) <= capacity
        assert inbox.shed == shed
        assert inbox.received == taken + shed + len(inbox)
    assert inbox.take(capacity, 0) == inside


def test_full_of_qos_1_it_lets_the_network_wait(full: Inbox, make_message: Make):
    thread = blocked(full, make_message(payload=b"\x02"))
    assert len(full) == 2
    assert payloads(full.take(1, 0)) == [0]
    thread.join(10)
    assert payloads(full.take(9, 0)) == [1, 2]
    assert (full.received, full.shed) == (3, 0)


def test_a_closed_inbox_takes_nothing_and_gives_what_it_has(full: Inbox, make_message: Make):
    thread = blocked(full, make_message(payload=b"\x02"))
    full.close()
    thread.join(10)
    assert not thread.is_alive()
    full.put(make_message(payload=b"\x03"))
    assert full.received == 2
    assert payloads(full.take(9, 60.0)) == [0, 1]
    assert full.take(9, 60.0) == []  # at once: nothing will come


@pytest.mark.parametrize("end", [Inbox.wake, Inbox.close])
def test_a_waiting_take_can_be_woken(end: Callable[[Inbox], None]):
    inbox, taken = Inbox(1), []
    inbox._changed = Watched()
    thread = threading.Thread(target=lambda: taken.append(inbox.take(1, 60.0)), daemon=True)
    thread.start()
    assert inbox._changed.waited.wait(10)
    end(inbox)
    thread.join(10)
    assert taken == [[]]


def test_a_waiting_take_gets_what_comes(make_message: Make):
    inbox, taken = Inbox(1), []
    inbox._changed = Watched()
    thread = threading.Thread(target=lambda: taken.extend(inbox.take(1, 60.0)), daemon=True)
    thread.start()
    assert inbox._changed.waited.wait(10)
    inbox.put(make_message(payload=b"\x05"))
    thread.join(10)
    assert payloads(taken) == [5]
