from __future__ import annotations

import pytest

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
def test_filters_match_as_mqtt_says(topic_filter: str, topic: str, *, expected: bool):
    assert matches(topic_filter, topic) is expected


def test_no_more_are_in_flight_than_the_receiver_allows():
    broker, heard = StubBroker(), list[Message]()
    connection = StubConnection(
        broker, name="r", client_id="r", filters=("a",), receive_maximum=2, on_message=heard.append
    )
    connection.start()
    for number in range(4):
        broker.publish("a", bytes([number]), 1, {}, retain=False)
    assert len(heard) == 2
    heard[0].ack()
    assert [message.payload[0] for message in heard] == [0, 1, 2]


def test_a_connection_that_dies_leaves_its_will():
    broker = StubBroker()
    connection = StubConnection(broker, name="x", client_id="x", will=Will("status", b"offline"))
    connection.start()
    connection.lose()
    assert broker.retained == {"status": b"offline"}
