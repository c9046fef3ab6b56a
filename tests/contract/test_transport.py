"""The transport contract that the agent relies on: the stub and mosquitto (MQTT 5 and 3.1.1) keep it alike."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import MAX_TAKEOVERS, Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.message import Will
from drsn.agent.mqtt.stub import StubBroker, StubConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.transport import Transport


@dataclass
class World:
    """A broker: connect to it, stop it, start it again."""

    connect: Callable[..., Transport]
    stop: Callable[[], None]
    start: Callable[..., None]
    large_bytes: int = 1_000_000
    """A payload that comes in many pieces. To a WebSocket, mosquitto 2.0.11 sends 4 kB each tenth of a second."""


@pytest.fixture(
    params=["memory", "mosquitto 5", "mosquitto 3.1.1", pytest.param("mosquitto 5 websocket", marks=pytest.mark.slow)]
)
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        broker = StubBroker()
        return World(partial(StubConnection, broker), broker.stop, broker.start)
    mosquitto = request.getfixturevalue("mosquitto")
    address = BrokerAddress("127.0.0.1", mosquitto.port, protocol=request.param.split()[1], keepalive_s=5)
    large_bytes = World.large_bytes
    if request.param.endswith("websocket"):
        address, large_bytes = replace(address, port=mosquitto.add_websocket(), websocket_path="/mqtt"), 20_000
    return World(partial(Connection, address), mosquitto.stop, lambda *_waiting: mosquitto.start(), large_bytes)


@pytest.fixture
def connected(world: World, wait_until: Callable) -> Iterator[Callable[..., Transport]]:
    """Connect; the end stops every connection. `received` collects the messages from the SUBACK on."""
    with ExitStack() as stack:

        def connect(client_id: str = "test", *, received: list[Message] | None = None, **options: object) -> Transport:
            probes: list[Message] = []
            if received is not None:
                options["on_message"] = lambda message: (received if message.payload else probes).append(message)
            callbacks = {name: options.pop(name) for name in ("on_message", "on_change") if name in options}
            connection = world.connect(ConnectionOptions(client_id, client_id, **options), **callbacks)
            stack.callback(connection.stop)
            connection.start()
            wait_until(lambda: connection.connected, 30, "a connection")
            if received is not None:
                probe = connection.options.filters[0].replace("+", "probe")
                wait_until(lambda: connection.publish(probe, b"", qos=0) and probes, what="the subscription")
            return connection

        yield connect


def test_a_message_arrives_as_it_was_sent_and_the_broker_confirms_it(connected, wait_until):
    received: list[Message] = []
    connected("subscriber", filters=("plant/+/raw",), received=received)
    publisher = connected("publisher")
    mid = publisher.publish("plant/a/raw", b"\0\xff", qos=1)
    publisher.publish("elsewhere", b"x", qos=1)
    wait_until(lambda: mid in {c.mid for c in publisher.confirmations if c.refused is None}, what="the confirmation")
    (message,) = wait_until(lambda: received, what="the message")
    assert (message.topic, message.payload, message.qos, message.retained) == ("plant/a/raw", b"\0\xff", 1, False)


def test_a_late_subscriber_gets_retained_messages_marked_as_such(connected, wait_until):
    publisher = connected("publisher")
    publisher.publish("state/x", b"on", qos=1, retain=True)
    round_trip(publisher, wait_until)
    received: list[Message] = []
    late = connected("late", filters=("state/+",), received=received)
    assert wait_until(
        lambda: received and received[0].retained and received[0].payload == b"on", what="the retained message"
    )
    late.publish("state/x", b"", qos=1, retain=True)
    round_trip(late, wait_until)
    again: list[Message] = []
    connected("later", filters=("state/+",), received=again)
    assert not again


def test_unacknowledged_messages_are_redelivered_in_order_on_the_next_connection(connected, wait_until):
    keep = {"filters": ("a/+",), "receive_maximum": 20, "client_id": "persistent"}
    received: list[Message] = []
    first = connected(**keep, received=received)
    publisher = connected("publisher")
    for text in (b"1", b"2", b"3"):
        publisher.publish("a/b", text, qos=1)
    wait_until(lambda: len(received) == 3, what="three messages")
    old = received.copy()
    old[0].ack()
    round_trip(publisher, wait_until)
    first.stop()
    received.clear()
    second = connected(**keep, received=received)
    wait_until(lambda: [m.payload for m in received] == [b"2", b"3"], what="the two that were not acknowledged")
    old[1].ack()  # its connection has ended: no effect on this one
    round_trip(publisher, wait_until)
    second.stop()
    received.clear()
    connected(**keep, received=received)
    wait_until(lambda: [m.payload for m in received] == [b"2", b"3"], what="the third delivery")


def test_messages_that_are_published_while_it_is_away_wait_for_a_persistent_session(connected, wait_until):
    keep = {"filters": ("a/+",), "receive_maximum": 20, "client_id": "persistent"}
    connected(**keep, received=[]).stop()
    publisher = connected("publisher")
    publisher.publish("a/b", b"while away", qos=1)
    round_trip(publisher, wait_until)
    received: list[Message] = []
    connected(**keep, received=received)
    assert wait_until(lambda: received and received[0].payload == b"while away", what="the message that waited")


def test_the_will_is_not_published_after_a_normal_disconnect(connected, wait_until):
    received: list[Message] = []
    connected("subscriber", filters=("status/+",), received=received)
    connected("with-will", will=Will("status/x", b"offline")).stop()
    round_trip(connected("publisher"), wait_until)
    assert not received


def test_the_will_is_published_on_request(connected, wait_until):
    received: list[Message] = []
    connected("subscriber", filters=("status/+",), received=received)
    connected("with-will", will=Will("status/x", b"offline")).stop(with_will=True)
    wait_until(lambda: [message.payload for message in received] == [b"offline"], what="the will")


def test_abandoned_filters_of_a_persistent_session_are_unsubscribed(connected, wait_until):
    keep = {"receive_maximum": 20, "client_id": "persistent"}
    connected(**keep, filters=("old/+", "a/+"), received=[]).stop()
    received: list[Message] = []
    connected(**keep, filters=("a/+",), abandoned=("old/+", "never/+"), received=received)
    publisher = connected("publisher")
    for topic in ("old/x", "a/x"):
        publisher.publish(topic, topic.encode(), qos=1)
    wait_until(lambda: [message.topic for message in received] == ["a/x"], what="the one that is still subscribed")


def test_a_payload_is_cut_to_one_byte_more_than_its_limit(world, connected, wait_until):
    received: list[Message] = []
    connected("subscriber", filters=("a/+",), max_payload_bytes=8, received=received)
    publisher = connected("publisher")
    for size in (8, world.large_bytes):
        publisher.publish("a/b", b"x" * size, qos=1)
    wait_until(lambda: [len(message.payload) for message in received] == [8, 9], what="both")


def test_a_topic_is_cut_to_one_character_more_than_its_filter_allows(connected, wait_until):
    received: list[Message] = []
    connected("subscriber", filters=("a/+/b",), received=received)
    publisher = connected("publisher")
    for size in (256, 60_000):
        publisher.publish(f"a/{'x' * size}/b", b"x", qos=1)
    wait_until(lambda: [len(message.topic) for message in received] == [260, 261], what="both")


def test_an_mqtt_5_broker_does_not_send_packets_over_the_maximum_packet_size(connected, wait_until):
    """MQTT 5, 3.1.2-25, also for retained messages. MQTT 3.1.1 has no such limit; there the payload is cut."""
    received: list[Message] = []
    publisher = connected("publisher")
    publisher.publish("a/b", b"x" * 5000, qos=1, retain=True)
    round_trip(publisher, wait_until)
    subscriber = connected(
        "subscriber", filters=("a/+",), max_payload_bytes=8, max_packet_bytes=1000, received=received
    )
    for size in (2000, 8):
        publisher.publish("a/c", b"x" * size, qos=1)
    expected = [("a/c", 8)] if subscriber.protocol == "5" else [("a/b", 9), ("a/c", 9), ("a/c", 8)]
    wait_until(lambda: [(message.topic, len(message.payload)) for message in received] == expected, what="them")


class Receiver(list):
    """Collects messages, and acknowledges each one at once if `acknowledges` is set."""

    acknowledges = False

    def append(self, message: Message) -> None:
        super().append(message)
        if self.acknowledges:
            message.ack()


@pytest.mark.promise(
    "A broker that sends far more packets than Receive Maximum allows is disconnected; nothing is lost.",
    where="mqtt/session",
    topic="packets",
)
def test_a_broker_that_exceeds_receive_maximum_fourfold_is_cut_off_and_nothing_is_lost(connected, wait_until):
    """On MQTT 3.1.1 mosquitto has 20 messages in flight; on MQTT 5 it keeps to Receive Maximum."""
    received = Receiver()
    subscriber = connected("persistent", filters=("a/+",), receive_maximum=2, received=received)
    in_memory = isinstance(subscriber, StubConnection)
    if in_memory:
        subscriber.broker.exceeds_receive_maximum = True
    exceeds = in_memory or subscriber.protocol != "5"
    publisher = connected("publisher")
    texts = [b"%d" % number for number in range(15)]
    for text in texts:
        publisher.publish("a/b", text, qos=1)
    wait_until(lambda: len(received) >= (8 if exceeds else 2), what="as many as are accepted")
    received.acknowledges = True
    if not exceeds:
        subscriber.reconnect()
    elif in_memory:
        subscriber.start()
    wait_until(lambda: {m.payload for m in received} == set(texts), 30, "all of them")
    assert list(dict.fromkeys(m.payload for m in received)) == texts, "each, for the first time in order"
    assert subscriber.epoch > 1


def test_reconnect_brings_unacknowledged_messages_again(connected, wait_until):
    received: list[Message] = []
    subscriber = connected("persistent", filters=("a/+",), receive_maximum=20, received=received)
    publisher = connected("publisher")
    for text in (b"1", b"2"):
        publisher.publish("a/b", text, qos=1)
    wait_until(lambda: len(received) == 2, what="both")
    received[0].ack()
    round_trip(publisher, wait_until)
    subscriber.reconnect()
    wait_until(
        lambda: subscriber.epoch == 2 and [m.payload for m in received] == [b"1", b"2", b"2"], 30, "the second again"
    )
    assert [m.epoch for m in received] == [1, 1, 2]


def test_a_session_that_is_not_persistent_is_never_cut_and_redelivers_nothing(connected, wait_until):
    received = Receiver()
    subscriber = connected("not-persistent", filters=("a/+",), receive_maximum=2, persistent=False, received=received)
    if isinstance(subscriber, StubConnection):
        subscriber.broker.exceeds_receive_maximum = True
    publisher = connected("publisher")
    for number in range(15):
        publisher.publish("a/b", b"%d" % number, qos=1)
    in_memory = isinstance(subscriber, StubConnection)
    most = 15 if in_memory or subscriber.protocol != "5" else 2
    wait_until(lambda: len(received) == most, what="as many as the broker sends")
    round_trip(publisher, wait_until)
    assert (len(received), subscriber.epoch, subscriber.connected) == (most, 1, True)
    received.acknowledges = True
    subscriber.reconnect()
    wait_until(lambda: subscriber.epoch == 2, 30, "the next connection")
    wait_until(
        lambda: publisher.publish("a/b", b"later", qos=1) and received[-1].payload == b"later", 30, "a later one"
    )
    assert {m.payload for m in received[most:]} == {b"later"}


def test_a_connection_that_is_taken_over_reconnects_until_the_limit(connected, wait_until):
    """If the broker sends reason 142 (MQTT 5, 3.1.4-3). mosquitto 2.0.11 only closes the socket: no limit there."""
    first = connected("twin", filters=("a/+",), receive_maximum=20)
    for times in range(1, MAX_TAKEOVERS + 1):
        assert (first.epoch, first.taken_over) == (times, False)
        connected("twin", filters=("a/+",), receive_maximum=20).stop()
        if isinstance(first, StubConnection) and times < MAX_TAKEOVERS:
            first.start()  # the real one does so without a call
        wait_until(
            lambda seen=times: first.taken_over or (first.connected and first.epoch > seen), 30, "its end or return"
        )
    assert first.connected != first.taken_over
    assert first.taken_over or not isinstance(first, StubConnection)


def test_after_an_outage_there_is_a_new_epoch_and_publishing_works_again(world, connected, wait_until):
    changes: list[int] = []
    connection = connected(on_change=lambda: changes.append(1))
    assert connection.epoch == 1
    world.stop()
    wait_until(lambda: not connection.connected, what="the loss")
    assert connection.publish("a", b"", qos=1) is None
    changes_before = len(changes)
    world.start(connection)
    wait_until(lambda: connection.epoch == 2 and connection.connected, 60, "the second connection")
    mid = connection.publish("a/b", b"x", qos=1)
    wait_until(lambda: any(c.mid == mid and c.epoch == 2 for c in connection.confirmations), what="the confirmation")
    assert len(changes) > changes_before


def test_a_missing_broker_leaves_a_reason_and_no_exception(world, wait_until):
    world.stop()
    connection = world.connect(ConnectionOptions("test", "test"))
    connection.start()
    assert wait_until(lambda: connection.last_error, what="a reason")
    assert not connection.connected
    connection.stop()


def round_trip(connection: Transport, wait_until: Callable) -> None:
    """Wait until the broker has what was published before."""
    mid = connection.publish("round/trip", b"", qos=1)
    wait_until(lambda: any(c.mid == mid for c in connection.confirmations), what="a round trip")


def test_a_later_subscription_is_of_its_connection_and_brings_what_is_retained(connected, wait_until):
    publisher = connected("publisher")
    publisher.publish("state/x", b"on", qos=1, retain=True)
    round_trip(publisher, wait_until)
    received: list[Message] = []
    subscriber = connected("subscriber", filters=("a/+",), received=received)
    subscriber.subscribe(("state/x", "state/y"))
    wait_until(lambda: [(m.topic, m.retained) for m in received] == [("state/x", True)], what="the retained message")
    publisher.publish("state/y", b"new", qos=1)
    wait_until(lambda: [m.topic for m in received] == ["state/x", "state/y"], what="a new one")
    assert subscriber.denied == ()
    publisher.publish("state/x", b"", qos=1, retain=True)
    round_trip(publisher, wait_until)
