"""One MQTT connection: one paho client, from CONNECT to its end.

Each attempt to connect makes a new client. So an old connection can't send anything late, and an acknowledgement can't
reach a message of another connection. Exceptions must not leave a callback: they would end paho's network thread
without a log line.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from drsn.agent.mqtt.buffered_socket import unwrapped
from drsn.agent.mqtt.message import Confirmation
from drsn.agent.mqtt.paho_client import PahoClient
from drsn.agent.mqtt.properties import connect_properties, publish_properties
from drsn.agent.mqtt.reception import Reception
from drsn.agent.mqtt.tls import certificate_of, context
from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.connection_options import ConnectionOptions
    from drsn.agent.mqtt.message import Message

Protocol = Literal["5", "3.1.1"]

CONNACK_TIMEOUT_S: Final = 10.0

CLOSED: Final = "the broker closed the connection before it answered CONNECT"
NO_CONNACK: Final = "no answer to CONNECT"

UNSUPPORTED_PROTOCOL: Final = 132
"""MQTT 5 reason code; paho also reports it for the MQTT 3.1.1 return code 1."""

MAX_INFLIGHT_PUBLISHES: Final = 10
"""QoS 1 publishes on their way. paho ignores the broker's Receive Maximum; 10 is the smallest default that was seen
in a broker."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectFailure:
    """Why a broker did not accept CONNECT."""

    reason: str
    without_5: bool
    """Brokers without MQTT 5 do this at CONNECT: they refuse it by code (aedes), close the connection (RabbitMQ 3) or
    send nothing (amqtt)."""


@dataclass(frozen=True, slots=True)
class SessionEvents:
    """Callbacks of a session, called by paho's network thread. Only `received` may block."""

    accepted: Callable[[Session], None]
    """The broker accepted the connection."""
    lost: Callable[[int, str], None]
    """An accepted connection ended: MQTT 5 reason code, and its text."""
    confirmed: Callable[[Confirmation], None]
    """The broker answered a publish."""
    changed: Callable[[], None]
    """Something above happened, or the broker denied a subscription."""
    received: Callable[[Message], None] | None = None
    """A message arrived; None: messages are ignored."""


def _ignore(*_: object) -> None:
    """A callback of a session that has ended."""


ENDED: Final = SessionEvents(_ignore, _ignore, _ignore, _ignore)


def open_session(
    broker: BrokerAddress, options: ConnectionOptions, events: SessionEvents, *, epoch: int, protocol: Protocol
) -> Session:
    """Connect and send CONNECT; returns before the broker has answered.

    Args:
        broker: address and login.
        options: options of the connection.
        events: callbacks.
        epoch: number that messages and confirmations of this session carry.
        protocol: MQTT version to use.

    Raises:
        OSError: DNS, TCP or TLS failed.
        ValueError: paho refuses an option, for example the host.
        ConfigurationError: a certificate file is unusable.
    """
    client = _new_client(broker, options, protocol)
    session = Session(client, options, events, epoch)
    more: dict[str, Any] = {}
    if protocol == "5":
        more = {"clean_start": not options.keeps_session, "properties": connect_properties(options)}
    client.connect(broker.host, broker.port, broker.keepalive_s, **more)
    return session


class Session:
    """One MQTT connection, from CONNECT to its end. It takes over the callbacks of its client.

    Args:
        client: client; nothing else uses it.
        options: options of the connection.
        events: callbacks.
        epoch: number that messages and confirmations carry.
    """

    def __init__(self, client: PahoClient, options: ConnectionOptions, events: SessionEvents, epoch: int) -> None:
        self.epoch = epoch
        self.connected = False
        """The broker has accepted the connection, and it has not ended."""
        self.denied: tuple[str, ...] = ()
        """Filters that the broker refused."""
        self.certificate: bytes | None = None
        """Certificate of the broker, DER; None: no TLS."""
        self._client, self._options, self._events = client, options, events
        self._reception = Reception(client, options, events.received, epoch)
        self._subscribing: deque[tuple[str, ...]] = deque()  # filters without an answer; a broker answers in order
        self._failure: ConnectFailure | None = ConnectFailure(CLOSED, without_5=True)  # until CONNACK comes
        self._ended = threading.Event()
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message = self._reception.on_message
        client.on_publish_packet = self._reception.on_publish_packet
        client.on_publish, client.on_subscribe = self._on_publish, self._on_subscribe

    @property
    def protocol(self) -> Protocol:
        """MQTT version of the client."""
        return "5" if self._client.protocol == MQTTProtocolVersion.MQTTv5 else "3.1.1"

    def run(self, stopping: threading.Event, connack_timeout_s: float = CONNACK_TIMEOUT_S) -> ConnectFailure | None:
        """Start the network thread and return when the connection ends or `stopping` is set.

        Returns:
            Why the broker did not accept CONNECT; None: it did, or `stopping` is set.
        """
        self._client.loop_start()
        name = f"paho-mqtt-client-{self._options.client_id}"
        thread = next((t for t in threading.enumerate() if t.name == name and t.is_alive()), None)
        if not self._wait_connack(stopping, connack_timeout_s):
            return ConnectFailure(NO_CONNACK, without_5=True)
        while not (stopping.is_set() or self._ended.wait(1.0)):
            if thread is not None and not thread.is_alive() and not stopping.is_set():  # `leave` ends it too
                log.error("network thread ended unexpectedly", extra=fields(connection=self._options.name))
                break
        return None if stopping.is_set() else self._failure

    def _wait_connack(self, stopping: threading.Event, timeout_s: float) -> bool:
        """False: timeout. True: accepted, refused, closed, or `stopping` is set."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if self.connected or stopping.is_set() or self._ended.wait(0.02):
                return True
        return False

    def leave(self, *, with_will: bool) -> None:
        """Disconnect; `with_will` makes the broker publish the will (MQTT 3.1.1: by shutting the socket down)."""
        if not with_will:
            self._client.disconnect()
        elif self.protocol == "5":
            self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
        elif isinstance(line := unwrapped(self._client.socket()), socket.socket):
            with suppress(OSError):  # MQTT 3.1.1 publishes the will only when the connection breaks
                line.shutdown(socket.SHUT_RDWR)

    def close(self, *, with_will: bool) -> None:
        """Disconnect and end the network thread. Acknowledgements have no effect from now on."""
        self._end()
        client = self._client
        self.leave(with_will=with_will)  # first: loop_stop alone would wait for unacknowledged messages
        client.loop_stop()
        # paho closes its pair of sockets when the client is freed. The callbacks refer to this session, which refers
        # to the client: without them the client is freed at once, else by the garbage collector at some later time.
        client.on_connect = client.on_disconnect = client.on_message = client.on_publish = client.on_subscribe = None
        client.on_publish_packet = None
        # So do the callbacks of the connection, which keeps its last session.
        self._events = ENDED

    def cut(self) -> None:
        """Disconnect, and ignore messages that still arrive: the broker sends them again on the next connection."""
        self._reception.cut()

    def subscribe(self, filters: tuple[str, ...]) -> None:
        """Subscribe to topic filters, with QoS 1."""
        self._subscribing.append(filters)  # first: the answer comes on the network's thread
        self._client.subscribe([(topic_filter, 1) for topic_filter in filters])

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool,
        properties: Mapping[str, str] | None,
        correlation: bytes,
    ) -> int | None:
        """Send a message. Returns its packet id; None: it can't be sent. MQTT 3.1.1 sends no properties."""
        extra = publish_properties(properties, correlation) if self.protocol == "5" else None
        info = self._client.publish(topic, payload, qos, retain, properties=extra)
        return info.mid if info.rc == paho.MQTT_ERR_SUCCESS else None

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        if code.is_failure:
            self._failure = ConnectFailure(str(code), without_5=code.value == UNSUPPORTED_PROTOCOL)
            return
        self._failure = None
        if self._options.abandoned:
            client.unsubscribe(list(self._options.abandoned))
        if self._options.filters:
            self.subscribe(self._options.filters)
        self.certificate = certificate_of(unwrapped(client.socket()))
        self.connected = True
        self._events.accepted(self)

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        if self.connected:
            self._events.lost(code.value, str(code))
        self._end()
        self._events.changed()

    def _end(self) -> None:
        self.connected, self._reception.ended = False, True
        self._ended.set()

    def _on_publish(self, _client: paho.Client, _data: Any, mid: int, code: Any, _props: Any) -> None:
        self._events.confirmed(Confirmation(self.epoch, mid, str(code) if code.is_failure else None))
        self._events.changed()

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: int, codes: Any, _props: Any) -> None:
        filters = self._subscribing.popleft() if self._subscribing else ()
        denied = tuple(f for f, code in zip(filters, codes, strict=False) if code.is_failure)
        if denied:
            self.denied += denied
            log.error("broker denies the subscription", extra=fields(connection=self._options.name, filters=denied))
            self._events.changed()


def _new_client(broker: BrokerAddress, options: ConnectionOptions, protocol: Protocol) -> PahoClient:
    client = PahoClient(
        max_payload_bytes=options.limits.payload_bytes,
        callback_api_version=CallbackAPIVersion.VERSION2,
        client_id=options.client_id,
        clean_session=None if protocol == "5" else not options.keeps_session,
        protocol=MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        transport="tcp" if broker.websocket_path is None else "websockets",
    )
    if broker.websocket_path is not None:
        client.ws_set_options(path=broker.websocket_path)
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        client.tls_set_context(context(broker))
    if options.will is not None:
        will = options.will
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
    client.max_inflight_messages_set(MAX_INFLIGHT_PUBLISHES)
    return client
