from __future__ import annotations

import pytest

from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.message import Message, Will
from drsn.agent.mqtt.stub import StubBroker, StubConnection, matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "b/a", False),
        ("a/b", "a/b/c", False),
        ("+", "a", True),
    ],
)
def test_topic_filters_match_as_in_mqtt(topic_filter: str, topic: str, *, expected: bool):
    assert matches(topic_filter, topic) is expected


def test_at_most_receive_maximum_messages_are_in_flight():
    broker, received = StubBroker(), list[Message]()
    options = ConnectionOptions("r", "r", ("a",), receive_maximum=2)
    connection = StubConnection(broker, options, on_message=received.append)
    connection.start()
    for number in range(4):
        broker.publish("a", bytes([number]), 1, {}, retain=False)
    assert len(received) == 2
    received[0].ack()
    assert [message.payload[0] for message in received] == [0, 1, 2]


def test_a_lost_connection_publishes_its_will():
    broker = StubBroker()
    connection = StubConnection(broker, ConnectionOptions("x", "x", will=Will("status", b"offline")))
    connection.start()
    connection.lose()
    assert broker.retained == {"status": b"offline"}
