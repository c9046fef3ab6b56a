"""The queue is bounded, and commands of QoS 0 take no place from those of QoS 1."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.rpc.queue import QUEUE_LIMITS, RECEIVE_MAXIMUM, CommandQueue
from drsn.agent.rpc.request import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message

LONGEST = 65_535
"""Longest topic or correlation data in MQTT."""


@pytest.mark.parametrize("qos", [0, 1])
def test_first_in_is_first_out_and_as_many_as_there_is_room_for(qos: int, make_message: Callable[..., Message]):
    queue, most = CommandQueue(), QUEUE_LIMITS[qos > 0].commands
    taken = [queue.put(make_message(payload=b"%d" % number, qos=qos)) for number in range(most + 2)]
    assert taken == [True] * most + [False] * 2
    assert queue.put(make_message(payload=b"other", qos=1 - qos)), "the others have a room of their own"
    assert queue.take().payload == b"0"
    assert queue.put(make_message(payload=b"last", qos=qos))
    payloads = [message.payload for message in iter(queue.take, None)]
    assert payloads == [*(b"%d" % number for number in range(1, most)), b"other", b"last"]
    assert len(queue) == 0


@pytest.mark.parametrize("qos", [0, 1])
def test_long_ones_are_bounded_by_their_bytes_and_those_under_way_always_fit(qos, make_message: Callable):
    long = replace(
        make_message("t" * LONGEST, b"x" * MAX_BYTES, qos=qos), response_topic="r" * LONGEST, correlation=b"c" * LONGEST
    )
    queue, size_bytes = CommandQueue(), MAX_BYTES + 3 * LONGEST
    most = QUEUE_LIMITS[qos > 0].size_bytes // size_bytes
    assert [queue.put(long) for _ in range(most + 1)] == [True] * most + [False]
    assert not qos or most >= RECEIVE_MAXIMUM
    while queue.take():
        pass
    assert queue.put(long), "what was taken is no longer counted"


def test_two_threads_lose_nothing(make_message: Callable[..., Message]):
    queue, seen = CommandQueue(), []
    messages = [make_message(payload=b"%d" % number) for number in range(2000)]

    def fill() -> None:
        for message in messages:
            while not queue.put(message):
                pass

    thread = threading.Thread(target=fill)
    thread.start()
    while len(seen) < len(messages):
        message = queue.take()
        seen += [] if message is None else [message.payload]
    thread.join()
    assert seen == [message.payload for message in messages]
