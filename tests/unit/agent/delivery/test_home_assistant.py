from __future__ import annotations

from typing import NamedTuple

import pytest

from drsn.agent.delivery.home_assistant import IN_FLIGHT, BirthMessages, HomeAssistantPublisher
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import Topics
from drsn.agent.schema.documents import AlarmDocument, BundleReference
from drsn.agent.schema.home_assistant import Origin, discovery_topic


class Broker:
    """The connection, as far as a publisher uses it."""

    def __init__(self) -> None:
        self.connected = True
        self.published: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> int | None:
        assert (qos, retain) == (1, True)
        self.published.append((topic, payload))
        return len(self.published)

    def take(self) -> list[tuple[str, bytes]]:
        taken, self.published = self.published, []
        return taken


class Parts(NamedTuple):
    """A publisher, and what it works with."""

    broker: Broker
    births: BirthMessages
    publisher: HomeAssistantPublisher


@pytest.fixture
def parts() -> Parts:
    broker, births = Broker(), BirthMessages("homeassistant", lambda: None)
    origin = Origin(Topics("drsn/v1", "line4"), "1", "universal 2")
    publisher = HomeAssistantPublisher(broker, origin, births, lambda _sensor: False)
    publisher.restart()
    return Parts(broker, births, publisher)


def alarm(sensor: str, event_id: str | None = None, seq: int = 1) -> AlarmDocument:
    bundle = BundleReference(name="universal", version="2", sha256="00")
    return AlarmDocument(
        agent="line4", epoch="e", sensor=sensor, seq=seq, state="normal", event_id=event_id, bundle=bundle
    )


def topic(sensor: str | None = None) -> str:
    return discovery_topic("homeassistant", "line4", sensor)


def birth(payload: bytes, on: str = "homeassistant/status") -> Message:
    return Message(on, payload, 1, False, 0.0, 0, {})


def drained(parts: Parts) -> list[str]:
    """Pump and confirm until nothing waits; the topics."""
    topics = []
    while not parts.publisher.idle:
        parts.publisher.pump()
        sent = parts.broker.published
        assert len(sent) <= IN_FLIGHT
        topics += [each for each, _ in sent]
        for mid in range(1, len(sent) + 1):
            assert parts.publisher.confirm(mid)
        parts.broker.take()
    return topics


def test_the_agent_and_each_sensor_get_a_document_and_an_equal_one_is_not_sent_again(parts: Parts):
    for number in range(20):
        parts.publisher.note(f"s{number}", alarm(f"s{number}"))
    assert drained(parts) == [topic(), *(topic(f"s{number}") for number in range(20))]
    parts.publisher.note("s3", alarm("s3", seq=2))
    assert drained(parts) == []
    parts.publisher.note("s3", alarm("s3", event_id="e-9"))
    assert drained(parts) == [topic("s3")]


def test_everything_goes_out_again_after_a_birth_message_and_on_a_new_connection(parts: Parts):
    parts.publisher.note("s1", alarm("s1"))
    drained(parts)
    assert parts.births.put(birth(b"offline"))
    parts.publisher.pump()
    assert parts.broker.take() == []
    assert parts.births.put(birth(b"online"))
    parts.publisher.pump()
    assert [each for each, _ in parts.broker.take()] == [topic(), topic("s1")]
    parts.publisher.restart()
    assert drained(parts) == [topic(), topic("s1")]


def test_a_command_is_not_a_birth_message(parts: Parts):
    assert not parts.births.put(birth(b"online", on="drsn/v1/_agent/line4/cmd/ack"))


def test_a_sensor_that_is_forgotten_is_removed_and_stays_so(parts: Parts):
    parts.publisher.note("s1", alarm("s1"))
    drained(parts)
    parts.publisher.note("s1", None)
    parts.publisher.pump()
    assert parts.broker.take() == [(topic("s1"), b"")]
    assert parts.publisher.confirm(1)
    parts.publisher.restart()
    assert drained(parts) == [topic()]


def test_nothing_is_lost_while_there_is_no_connection(parts: Parts):
    parts.broker.connected = False
    parts.publisher.note("s1", alarm("s1"))
    parts.publisher.pump()
    assert parts.broker.take() == []
    assert not parts.publisher.idle
    parts.broker.connected = True
    assert drained(parts) == [topic(), topic("s1")]
