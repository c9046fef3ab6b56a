from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import pytest

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.message import Message
from drsn.agent.tools.bench.receiving import Sender, receive_time_us
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator


def messages(count: int, size: int = 10) -> list[Message]:
    return [Message(f"bench/s{n}/frame", bytes(size), 1, False, 0.0, 0) for n in range(count)]


@pytest.fixture
def received() -> Iterator[deque[Message]]:
    """What a connection receives of five messages, of which three may be without an acknowledgement."""
    sender, found = Sender(messages(5, 20_000), 3), deque[Message]()
    sender.start()
    options = ConnectionOptions("t", "t", ("bench/#",), receive_maximum=3)
    connection = Connection(BrokerAddress("127.0.0.1", sender.port), options, on_message=found.append)
    connection.start()
    yield found
    connection.stop()
    sender.join(5)
    assert not sender.is_alive()


def until(found: deque[Message], count: int) -> None:
    deadline_s = time.monotonic() + 10
    while len(found) < count and time.monotonic() < deadline_s:
        time.sleep(0.005)


def test_no_more_come_than_may_be_unacknowledged(received: deque[Message]):
    until(received, 3)
    time.sleep(0.1)
    assert len(received) == 3
    for message in tuple(received):
        message.ack()
    until(received, 5)
    assert [message.topic for message in received] == [f"bench/s{n}/frame" for n in range(5)]
    assert all(len(message.payload) == 20_000 for message in received)


def test_all_messages_are_received_and_acknowledged():
    assert receive_time_us(messages(300), 128) > 0


def test_messages_that_do_not_come_in_time_are_an_error():
    with pytest.raises(UnavailableError, match="no MQTT connection on loopback"):
        receive_time_us(messages(1), 128, timeout_s=0.0)
