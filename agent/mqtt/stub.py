"""A broker in memory, and connections to it: the `Transport` that needs no network, for tests and dry runs.

It keeps the promises that the agent builds on, and tests/contract holds it and mosquitto to the same ones: sessions
that survive a disconnect, at most `receive_maximum` unacknowledged messages, redelivery in order on the next
connection, acknowledgements that die with theirs, retained messages, refused publishes, last wills.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from drsn.agent.mqtt.message import Confirmation, Message, Will
from drsn.agent.mqtt.takeovers import Takeovers
from drsn.agent.mqtt.topics import MAX_TOPIC_CHARS, max_chars

MOST_UNACKED = 4
"""As drsn.agent.mqtt.connection's."""

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass
class _StubSession:
    """What the broker keeps for a client id."""

    filters: tuple[str, ...]
    persistent: bool
    connection: StubConnection | None = None
    waiting: deque[Message] = field(default_factory=deque)
    """Not sent on this connection yet."""
    flying: dict[int, Message] = field(default_factory=dict)
    """Sent and not acknowledged, in order of sending."""


class StubBroker:
    """Delivers in the publisher's thread, at once. `denied` holds the filters that nobody may publish to."""

    def __init__(self, denied: tuple[str, ...] = ()) -> None:
        self.denied = denied
        self.retained: dict[str, bytes] = {}
        self.log: list[tuple[str, bytes]] = []
        """Every message that was accepted, in order."""
        self.up = True
        self.heedless = False
        """It delivers more than `receive_maximum`, as some brokers do after a reconnect."""
        self._sessions: dict[str, _StubSession] = {}

    def stop(self) -> None:
        """Go away; every connection is lost. Sessions and retained messages stay."""
        self.up = False
        for session in tuple(self._sessions.values()):
            if session.connection is not None:
                session.connection.lose()

    def start(self, *waiting: StubConnection) -> None:
        """Come back; the connections given connect again, as a network's would by themselves."""
        self.up = True
        for connection in waiting:
            connection.start()

    def accept(
        self,
        connection: StubConnection,
        client_id: str,
        filters: tuple[str, ...],
        abandoned: tuple[str, ...],
        *,
        persistent: bool,
    ) -> _StubSession:
        """Let a connection in, on the session of its client id."""
        session = self._sessions.get(client_id)
        if session is not None and session.connection not in (None, connection):
            session.connection.lose(taken_over=True)
        session = self._sessions.get(client_id) if persistent else None
        session = session or _StubSession(filters, persistent)
        session.filters = tuple({*session.filters, *filters} - set(abandoned))
        session.connection = connection
        session.waiting.extendleft(reversed(session.flying.values()))  # what was not acknowledged comes again, first
        session.flying.clear()
        self._sessions[client_id] = session
        return session

    def leave(self, client_id: str) -> None:
        """A connection has ended; a persistent session goes on collecting."""
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
        """Take a message and hand it on; the reason when it is refused."""
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
    """As `drsn.agent.mqtt.connection.Connection`, to a `StubBroker`."""

    protocol = "5"

    def __init__(  # noqa: PLR0913 (as drsn.agent.mqtt.connection.Connection)
        self,
        broker: StubBroker,
        *,
        name: str,
        client_id: str,
        filters: tuple[str, ...] = (),
        abandoned: tuple[str, ...] = (),
        receive_maximum: int | None = None,
        persistent: bool = True,
        max_payload_bytes: int | None = None,
        max_packet_bytes: int | None = None,
        will: Will | None = None,
        on_message: Callable[[Message], None] | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.epoch = 0
        self.denied: tuple[str, ...] = ()
        self.last_error: str | None = None
        self.taken_over = False
        self.certificate: bytes | None = None
        self.confirmations: deque[Confirmation] = deque()
        self.connected = False
        self.alive = True
        self._broker = broker
        self._client_id = client_id
        self._filters = filters
        self._abandoned = abandoned
        self._kept_bytes = None if max_payload_bytes is None else max_payload_bytes + 1
        self._topic_chars = max(map(max_chars, filters), default=MAX_TOPIC_CHARS)
        self._max_packet_bytes = math.inf if max_packet_bytes is None else max_packet_bytes
        self._receive_maximum = receive_maximum
        self._persistent = persistent and receive_maximum is not None
        self._will = will
        self._on_message = on_message
        self._on_change = on_change
        self._takeovers = Takeovers()
        self._session = _StubSession(filters, persistent=False)
        self._mids = itertools.count(1)

    def start(self) -> None:
        """Connect, if the broker is up."""
        if not self._broker.up:
            self.last_error = "the broker is down"
            return
        self._session = self._broker.accept(
            self, self._client_id, self._filters, self._abandoned, persistent=self._persistent
        )
        self.epoch += 1
        self.connected = True
        self._on_change()
        for topic, payload in tuple(self._broker.retained.items()):
            if any(matches(f, topic) for f in self._filters):
                self._session.waiting.append(_message(topic, payload, 1, {}, retained=True))
        self.pump()

    def stop(self, *, with_will: bool = False) -> None:
        """Disconnect; the broker, if it lives, publishes the will only if it is asked to."""
        was_connected, self.connected = self.connected, False
        self._broker.leave(self._client_id)
        if with_will and was_connected and self._will is not None and self._broker.up:
            self._broker.publish(self._will.topic, self._will.payload, 1, {}, retain=True)

    def lose(self, *, taken_over: bool = False) -> None:
        """The connection dies."""
        if taken_over:
            self.taken_over = self._takeovers.fight(time.monotonic())
        self.stop(with_will=True)
        self._on_change()

    def reconnect(self) -> None:
        """Cut the connection and come again."""
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
        """Send a message; its id, None when there is no connection."""
        if not self.connected:
            return None
        mid = next(self._mids)
        refused = self._broker.publish(topic, payload, qos, properties or {}, retain=retain, correlation=correlation)
        self.confirmations.append(Confirmation(self.epoch, mid, refused))
        self._on_change()
        return mid

    def pump(self) -> None:
        """Deliver what waits, as far as `receive_maximum` lets it."""
        session, limit = self._session, self._receive_maximum or 65_535
        most = limit * MOST_UNACKED
        limit = 65_535 if self._broker.heedless else limit
        while self.connected and self._on_message and session.waiting and len(session.flying) < limit:
            message = session.waiting.popleft()
            if len(message.topic) + len(message.payload) > self._max_packet_bytes:
                continue  # MQTT 5, 3.1.2-25: as if it were delivered
            told = replace(
                message, topic=message.topic[: self._topic_chars + 1], payload=message.payload[: self._kept_bytes]
            )
            if not message.qos:
                self._on_message(told)
                continue
            if self._persistent and len(session.flying) >= most:
                session.waiting.appendleft(message)
                self.lose()
                return
            mid = next(self._mids)
            session.flying[mid] = message
            acknowledge = partial(self._ack, self.epoch, mid)
            self._on_message(replace(told, ack=acknowledge, epoch=self.epoch))

    def _ack(self, epoch: int, mid: int) -> None:
        if epoch == self.epoch and self.connected:
            self._session.flying.pop(mid, None)
            self.pump()


def _message(topic: str, payload: bytes, qos: int, properties: Mapping[str, str], *, retained: bool) -> Message:
    return Message(topic, payload, qos, retained, time.monotonic(), time.time_ns(), properties)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a subscription to `topic_filter` (with + and a last #) covers the topic."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))
