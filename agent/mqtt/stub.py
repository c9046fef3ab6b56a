"""Broker and connections in memory: a `Transport` that needs no network, for tests and dry runs.

tests/contract holds this stub and mosquitto to the same contract: persistent sessions, at most `receive_maximum`
unacknowledged messages, redelivery in order on the next connection, acknowledgements that have no effect after their
connection has ended, retained messages, refused publishes, last wills.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from drsn.agent.mqtt.connection import TakeoverCounter
from drsn.agent.mqtt.message import Confirmation, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from drsn.agent.mqtt.connection_options import ConnectionOptions

MQTT_RECEIVE_MAXIMUM: Final = 65_535
"""MQTT 5's default of Receive Maximum."""


@dataclass
class _StubSession:
    """State that the broker keeps for a client id."""

    filters: tuple[str, ...] = ()
    persistent: bool = False
    connection: StubConnection | None = None
    waiting: deque[Message] = field(default_factory=deque)
    """Messages that are not sent on this connection yet."""
    in_flight: dict[int, Message] = field(default_factory=dict)
    """Messages that are sent and not acknowledged, by packet id, in order of sending."""
    packet_ids: Iterator[int] = field(default_factory=partial(itertools.count, 1))


class StubBroker:
    """Broker in memory. It delivers at once, in the publisher's thread.

    Args:
        denied: filters whose topics no client may publish to.
    """

    def __init__(self, denied: tuple[str, ...] = ()) -> None:
        self.denied = denied
        self.retained: dict[str, bytes] = {}
        self.log: list[tuple[str, bytes]] = []
        """Topic and payload of every accepted message, in order."""
        self.up = True
        self.exceeds_receive_maximum = False
        """Deliver more than `receive_maximum`, as some brokers do after a reconnect."""
        self.retained_by_wildcard = True
        """False: a subscription with a wildcard gets no retained messages, as on RabbitMQ."""
        self._sessions: dict[str, _StubSession] = {}

    def stop(self) -> None:
        """Shut down: every connection is lost. Sessions and retained messages stay."""
        self.up = False
        for session in tuple(self._sessions.values()):
            if session.connection is not None:
                session.connection.lose()

    def start(self, *waiting: StubConnection) -> None:
        """Start again; the given connections reconnect, which real ones do without a call."""
        self.up = True
        for connection in waiting:
            connection.start()

    def accept(self, connection: StubConnection) -> _StubSession:
        """Accept a connection and return the session of its client id. An older connection of that id is lost."""
        options = connection.options
        session = self._sessions.get(options.client_id)
        if session is not None and session.connection not in (None, connection):
            session.connection.lose(taken_over=True)
        session = self._sessions.get(options.client_id) if options.keeps_session else None
        session = session or _StubSession(persistent=options.keeps_session)
        session.filters = tuple({*session.filters, *options.filters} - set(options.abandoned))
        session.connection = connection
        session.waiting.extendleft(reversed(session.in_flight.values()))  # redelivery comes first
        session.in_flight.clear()
        self._sessions[options.client_id] = session
        return session

    def leave(self, client_id: str) -> None:
        """End a connection; a persistent session goes on collecting QoS 1 messages."""
        session = self._sessions.get(client_id)
        if session is not None:
            session.connection = None
            if not session.persistent:
                del self._sessions[client_id]

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        properties: Mapping[str, str],
        *,
        retain: bool,
        response_topic: str = "",
        correlation: bytes = b"",
    ) -> str | None:
        """Accept a message and deliver it. Returns the reason if it is refused."""
        if any(matches(topic_filter, topic) for topic_filter in self.denied):
            return "Not authorized"
        self.log.append((topic, payload))
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        message = replace(
            _message(topic, payload, qos, properties, retained=False),
            response_topic=response_topic,
            correlation=correlation,
        )
        for session in tuple(self._sessions.values()):
            if any(matches(f, topic) for f in session.filters) and (session.connection or qos):
                session.waiting.append(message)
                if session.connection is not None:
                    session.connection.pump()
        return None


class StubConnection:
    """Connection to a `StubBroker`, with the interface of `drsn.agent.mqtt.connection.Connection`."""

    protocol = "5"
    denied: tuple[str, ...] = ()
    alive = True

    def __init__(
        self,
        broker: StubBroker,
        options: ConnectionOptions,
        *,
        on_message: Callable[[Message], None] | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.broker, self.options = broker, options
        self.epoch = 0
        self.connected = False
        self.last_error: str | None = None
        self.taken_over = False
        self.confirmations: deque[Confirmation] = deque()
        self._on_message, self._on_change = on_message, on_change
        self._takeovers = TakeoverCounter()
        self._session = _StubSession()

    @property
    def certificate(self) -> bytes | None:
        """Always None: there is no TLS."""
        return None

    @property
    def in_flight(self) -> Mapping[int, Message]:
        """Messages that are sent and not acknowledged, by packet id."""
        return self._session.in_flight

    def start(self) -> None:
        """Connect, if the broker is up."""
        if not self.broker.up:
            self.last_error = "the broker is down"
            return
        self._session = self.broker.accept(self)
        self.epoch += 1
        self.connected = True
        self._on_change()
        self._send_retained(self.options.filters)

    def subscribe(self, filters: tuple[str, ...]) -> None:
        """Subscribe to more topic filters on this connection."""
        if self.connected:
            self._session.filters += filters
            self._send_retained(filters)

    def stop(self, *, with_will: bool = False) -> None:
        """Disconnect. The broker, if it is up, publishes the will only if `with_will` is set."""
        was_connected, self.connected = self.connected, False
        self.broker.leave(self.options.client_id)
        will = self.options.will
        if with_will and was_connected and will is not None and self.broker.up:
            self.broker.publish(will.topic, will.payload, 1, {}, retain=will.retain)

    def lose(self, *, taken_over: bool = False) -> None:
        """Break the connection; the broker publishes the will."""
        if taken_over:
            self.taken_over = self._takeovers.add(time.monotonic())
        self.stop(with_will=True)
        self._on_change()

    def reconnect(self) -> None:
        """Break the connection and connect again."""
        self.lose()
        self.start()

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool = False,
        properties: Mapping[str, str] | None = None,
        correlation: bytes = b"",
    ) -> int | None:
        """Send a message. Returns its packet id; None: there is no connection."""
        if not self.connected:
            return None
        mid = next(self._session.packet_ids)
        refused = self.broker.publish(topic, payload, qos, properties or {}, retain=retain, correlation=correlation)
        self.confirmations.append(Confirmation(self.epoch, mid, refused))
        self._on_change()
        return mid

    def pump(self) -> None:
        """Deliver waiting messages, as far as `receive_maximum` allows."""
        session, options, limits = self._session, self.options, self.options.limits
        receive_maximum = options.receive_maximum or MQTT_RECEIVE_MAXIMUM
        if self.broker.exceeds_receive_maximum:
            receive_maximum = MQTT_RECEIVE_MAXIMUM
        packet_bytes = math.inf if limits.packet_bytes is None else limits.packet_bytes
        while self.connected and self._on_message and session.waiting and len(session.in_flight) < receive_maximum:
            message = session.waiting.popleft()
            if len(message.topic) + len(message.payload) > packet_bytes:
                continue  # MQTT 5, 3.1.2-25: the broker drops it as if it were delivered
            cut = replace(
                message,
                topic=message.topic[: limits.topic_chars + 1],
                payload=message.payload[: limits.payload_bytes + 1],
            )
            if not message.qos:
                self._on_message(cut)
                continue
            if options.keeps_session and len(session.in_flight) >= options.max_unacked:
                session.waiting.appendleft(message)
                self.lose()
                return
            mid = next(self._session.packet_ids)
            session.in_flight[mid] = message
            acknowledge = partial(self._acknowledge, self.epoch)
            self._on_message(replace(cut, epoch=self.epoch, packet_id=mid, acknowledge=acknowledge))

    def _send_retained(self, filters: tuple[str, ...]) -> None:
        if not self.broker.retained_by_wildcard:
            filters = tuple(f for f in filters if not {"+", "#"} & set(f))
        for topic, payload in tuple(self.broker.retained.items()):
            if any(matches(f, topic) for f in filters):
                self._session.waiting.append(_message(topic, payload, 1, {}, retained=True))
        self.pump()

    def _acknowledge(self, epoch: int, packet_ids: Sequence[int]) -> None:
        for mid in packet_ids:
            if epoch == self.epoch and self.connected:
                self._session.in_flight.pop(mid, None)
                self.pump()


def _message(topic: str, payload: bytes, qos: int, properties: Mapping[str, str], *, retained: bool) -> Message:
    return Message(topic, payload, qos, retained, time.monotonic(), time.time_ns(), properties)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic filter (with `+`, and `#` as its last level) matches the topic."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))
