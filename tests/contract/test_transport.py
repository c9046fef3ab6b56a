"""What the agent builds on, promised alike by the broker in memory and by mosquitto (MQTT 5 and 3.1.1)."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
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
    """A broker, and how to connect to it and to make it go and come."""

    connect: Callable[..., Transport]
    stop: Callable[[], None]
    start: Callable[..., None]


@pytest.fixture(params=["memory", "mosquitto 5", "mosquitto 3.1.1"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        broker = StubBroker()
        return World(partial(StubConnection, broker), broker.stop, broker.start)
    mosquitto = request.getfixturevalue("mosquitto")
    address = BrokerAddress("127.0.0.1", mosquitto.port, protocol=request.param.split()[1], keepalive_s=5)
    return World(partial(Connection, address), mosquitto.stop, lambda *_waiting: mosquitto.start())


@pytest.fixture
def connected(world: World, wait_until: Callable) -> Iterator[Callable[..., Transport]]:
    """Connect; every connection is stopped at the end. `heard` collects what comes, after the subscription stands."""
    with ExitStack() as stack:

        def connect(client_id: str = "test", *, heard: list[Message] | None = None, **options: object) -> Transport:
            probes: list[Message] = []
            if heard is not None:
                options["on_message"] = lambda message: (heard if message.payload else probes).append(message)
            callbacks = {name: options.pop(name) for name in ("on_message", "on_change") if name in options}
            connection = world.connect(ConnectionOptions(client_id, client_id, **options), **callbacks)
            stack.callback(connection.stop)
            connection.start()
            wait_until(lambda: connection.connected, 30, "a connection")
            if heard is not None:
                probe = connection.options.filters[0].replace("+", "probe")
                wait_until(lambda: connection.publish(probe, b"", qos=0) and probes, what="the subscription")
            return connection

        yield connect


def test_a_message_arrives_as_it_was_sent_and_the_broker_confirms_it(connected, wait_until):
    heard: list[Message] = []
    connected("listener", filters=("plant/+/raw",), heard=heard)
    speaker = connected("speaker")
    mid = speaker.publish("plant/a/raw", b"\0\xff", qos=1)
    speaker.publish("elsewhere", b"x", qos=1)
    wait_until(lambda: mid in {c.mid for c in speaker.confirmations if c.refused is None}, what="the confirmation")
    (message,) = wait_until(lambda: heard, what="the message")
    assert (message.topic, message.payload, message.qos, message.retained) == ("plant/a/raw", b"\0\xff", 1, False)


def test_retained_messages_reach_a_late_subscriber_and_say_so(connected, wait_until):
    speaker = connected("speaker")
    speaker.publish("state/x", b"on", qos=1, retain=True)
    round_trip(speaker, wait_until)
    heard: list[Message] = []
    late = connected("late", filters=("state/+",), heard=heard)
    assert wait_until(lambda: heard and heard[0].retained and heard[0].payload == b"on", what="the retained message")
    late.publish("state/x", b"", qos=1, retain=True)
    round_trip(late, wait_until)
    again: list[Message] = []
    connected("later", filters=("state/+",), heard=again)
    assert not again


def test_what_is_not_acknowledged_comes_again_in_order_on_the_next_connection(connected, wait_until):
    keep = {"filters": ("a/+",), "receive_maximum": 20, "client_id": "keeper"}
    heard: list[Message] = []
    first = connected(**keep, heard=heard)
    speaker = connected("speaker")
    for text in (b"1", b"2", b"3"):
        speaker.publish("a/b", text, qos=1)
    wait_until(lambda: len(heard) == 3, what="three messages")
    stale = heard.copy()
    stale[0].ack()
    round_trip(speaker, wait_until)
    first.stop()
    heard.clear()
    second = connected(**keep, heard=heard)
    wait_until(lambda: [m.payload for m in heard] == [b"2", b"3"], what="the two that were not acknowledged")
    stale[1].ack()  # of the connection that is gone: must not count for this one
    round_trip(speaker, wait_until)
    second.stop()
    heard.clear()
    connected(**keep, heard=heard)
    wait_until(lambda: [m.payload for m in heard] == [b"2", b"3"], what="they come a third time")


def test_messages_of_the_time_without_a_connection_wait_for_it(connected, wait_until):
    keep = {"filters": ("a/+",), "receive_maximum": 20, "client_id": "keeper"}
    connected(**keep, heard=[]).stop()
    speaker = connected("speaker")
    speaker.publish("a/b", b"while away", qos=1)
    round_trip(speaker, wait_until)
    heard: list[Message] = []
    connected(**keep, heard=heard)
    assert wait_until(lambda: heard and heard[0].payload == b"while away", what="the message that waited")


def test_the_will_is_not_published_when_the_connection_ends_in_order(connected, wait_until):
    heard: list[Message] = []
    connected("listener", filters=("status/+",), heard=heard)
    connected("mortal", will=Will("status/x", b"offline")).stop()
    round_trip(connected("speaker"), wait_until)
    assert not heard


def test_the_will_is_published_when_it_is_asked_for(connected, wait_until):
    heard: list[Message] = []
    connected("listener", filters=("status/+",), heard=heard)
    connected("mortal", will=Will("status/x", b"offline")).stop(with_will=True)
    wait_until(lambda: [message.payload for message in heard] == [b"offline"], what="the will")


def test_what_is_no_longer_wanted_is_unsubscribed_though_the_session_lives_on(connected, wait_until):
    keep = {"receive_maximum": 20, "client_id": "keeper"}
    connected(**keep, filters=("old/+", "a/+"), heard=[]).stop()
    heard: list[Message] = []
    connected(**keep, filters=("a/+",), abandoned=("old/+", "never/+"), heard=heard)
    speaker = connected("speaker")
    for topic in ("old/x", "a/x"):
        speaker.publish(topic, topic.encode(), qos=1)
    wait_until(lambda: [message.topic for message in heard] == ["a/x"], what="the one that is still wanted")


def test_a_payload_is_cut_to_one_byte_more_than_is_wanted(connected, wait_until):
    heard: list[Message] = []
    connected("listener", filters=("a/+",), max_payload_bytes=8, heard=heard)
    speaker = connected("speaker")
    for size in (8, 1_000_000):
        speaker.publish("a/b", b"x" * size, qos=1)
    wait_until(lambda: [len(message.payload) for message in heard] == [8, 9], what="both")


def test_a_topic_is_cut_to_one_character_more_than_its_filter_lets_through(connected, wait_until):
    heard: list[Message] = []
    connected("listener", filters=("a/+/b",), heard=heard)
    speaker = connected("speaker")
    for size in (256, 60_000):
        speaker.publish(f"a/{'x' * size}/b", b"x", qos=1)
    wait_until(lambda: [len(message.topic) for message in heard] == [260, 261], what="both")


def test_a_packet_that_is_larger_than_wanted_stays_with_the_broker_if_it_knows_the_word(connected, wait_until):
    """MQTT 5, 3.1.2-25, retained ones too; 3.1.1 has no such word, and there it is cut."""
    heard: list[Message] = []
    speaker = connected("speaker")
    speaker.publish("a/b", b"x" * 5000, qos=1, retain=True)
    round_trip(speaker, wait_until)
    listener = connected("listener", filters=("a/+",), max_payload_bytes=8, max_packet_bytes=1000, heard=heard)
    for size in (2000, 8):
        speaker.publish("a/c", b"x" * size, qos=1)
    few = [("a/c", 8)] if listener.protocol == "5" else [("a/b", 9), ("a/c", 9), ("a/c", 8)]
    wait_until(lambda: [(message.topic, len(message.payload)) for message in heard] == few, what="them")


class Reader(list):
    """Acknowledges at once what it hears, when it is well; else never."""

    well = False

    def append(self, message: Message) -> None:
        super().append(message)
        if self.well:
            message.ack()


def test_a_broker_that_sends_far_too_much_is_cut_off_and_nothing_is_lost(connected, wait_until):
    """Mosquitto has 20 messages under way on 3.1.1, whatever is wanted; on MQTT 5 it keeps to what it is told."""
    heard = Reader()
    listener = connected("keeper", filters=("a/+",), receive_maximum=2, heard=heard)
    in_memory = isinstance(listener, StubConnection)
    if in_memory:
        listener.broker.exceeds_receive_maximum = True
    heedless = in_memory or listener.protocol != "5"
    speaker = connected("speaker")
    texts = [b"%d" % number for number in range(15)]
    for text in texts:
        speaker.publish("a/b", text, qos=1)
    wait_until(lambda: len(heard) >= (8 if heedless else 2), what="as many as are let in")
    heard.well = True
    if not heedless:
        listener.reconnect()
    elif in_memory:
        listener.start()
    wait_until(lambda: {m.payload for m in heard} == set(texts), 30, "all of them")
    assert list(dict.fromkeys(m.payload for m in heard)) == texts, "each, for the first time in order"
    assert listener.epoch > 1


def test_a_connection_that_is_cut_here_comes_again_with_what_was_not_acknowledged(connected, wait_until):
    heard: list[Message] = []
    listener = connected("keeper", filters=("a/+",), receive_maximum=20, heard=heard)
    speaker = connected("speaker")
    for text in (b"1", b"2"):
        speaker.publish("a/b", text, qos=1)
    wait_until(lambda: len(heard) == 2, what="both")
    heard[0].ack()
    round_trip(speaker, wait_until)
    listener.reconnect()
    wait_until(lambda: listener.epoch == 2 and [m.payload for m in heard] == [b"1", b"2", b"2"], 30, "the second again")
    assert [m.epoch for m in heard] == [1, 1, 2]


def test_a_session_that_is_not_persistent_brings_nothing_again_and_is_never_cut(connected, wait_until):
    heard = Reader()
    listener = connected("desk", filters=("a/+",), receive_maximum=2, persistent=False, heard=heard)
    if isinstance(listener, StubConnection):
        listener.broker.exceeds_receive_maximum = True
    speaker = connected("speaker")
    for number in range(15):
        speaker.publish("a/b", b"%d" % number, qos=1)
    in_memory = isinstance(listener, StubConnection)
    most = 15 if in_memory or listener.protocol != "5" else 2
    wait_until(lambda: len(heard) == most, what="as many as the broker sends")
    round_trip(speaker, wait_until)
    assert (len(heard), listener.epoch, listener.connected) == (most, 1, True)
    heard.well = True
    listener.reconnect()
    wait_until(lambda: listener.epoch == 2, 30, "the next connection")
    wait_until(lambda: speaker.publish("a/b", b"later", qos=1) and heard[-1].payload == b"later", 30, "a later one")
    assert {m.payload for m in heard[most:]} == {b"later"}


def test_one_that_is_thrown_out_comes_again_until_it_has_been_so_too_often(connected, wait_until):
    """If the broker says why (MQTT 5, 3.1.4-3). mosquitto 2.0.11 just closes the line: there it always does."""
    first = connected("twin", filters=("a/+",), receive_maximum=20)
    for times in range(1, MAX_TAKEOVERS + 1):
        assert (first.epoch, first.taken_over) == (times, False)
        connected("twin", filters=("a/+",), receive_maximum=20).stop()
        if isinstance(first, StubConnection) and times < MAX_TAKEOVERS:
            first.start()  # the network's does so by itself
        wait_until(
            lambda seen=times: first.taken_over or (first.connected and first.epoch > seen), 30, "its end or return"
        )
    assert first.connected != first.taken_over
    assert first.taken_over or not isinstance(first, StubConnection)


def test_after_an_outage_there_is_a_new_epoch_and_publishing_works_again(world, connected, wait_until):
    news: list[int] = []
    connection = connected(on_change=lambda: news.append(1))
    assert connection.epoch == 1
    world.stop()
    wait_until(lambda: not connection.connected, what="the loss")
    assert connection.publish("a", b"", qos=1) is None
    heard_before = len(news)
    world.start(connection)
    wait_until(lambda: connection.epoch == 2 and connection.connected, 60, "the second connection")
    mid = connection.publish("a/b", b"x", qos=1)
    wait_until(lambda: any(c.mid == mid and c.epoch == 2 for c in connection.confirmations), what="the confirmation")
    assert len(news) > heard_before


def test_a_broker_that_is_not_there_leaves_a_reason_and_no_exception(world, wait_until):
    world.stop()
    connection = world.connect(ConnectionOptions("test", "test"))
    connection.start()
    assert wait_until(lambda: connection.last_error, what="a reason")
    assert not connection.connected
    connection.stop()


def round_trip(connection: Transport, wait_until: Callable) -> None:
    """What was said before this has reached the broker."""
    mid = connection.publish("round/trip", b"", qos=1)
    wait_until(lambda: any(c.mid == mid for c in connection.confirmations), what="a round trip")
