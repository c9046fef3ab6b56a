"""The broker: one `Connection` is one MQTT client with its own thread, back-off and epochs. The only importer of paho.

Every attempt is a new paho client. So nothing that an old connection still holds can be sent late, an
acknowledgement can't reach another connection's message, and the waits between attempts are ours: full jitter,
at most `MAX_WAIT_S`. paho's callbacks only note things down; they never raise, or its thread would die silently.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from drsn.agent.mqtt import properties as mqtt_properties
from drsn.agent.mqtt.message import Confirmation, Will
from drsn.agent.mqtt.takeovers import Takeovers
from drsn.agent.mqtt.tls import certificate_of, context
from drsn.agent.observability.logs import fields
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.message import Message

MAX_WAIT_S = 30.0
CONNACK_TIMEOUT_S = 10.0
UNSUPPORTED_PROTOCOL = 132
"""MQTT 5 reason code; paho gives it for the 3.1.1 refusal (code 1) too."""

TAKEN_OVER = 142
"""MQTT 5 reason code: another connection came with our client id."""

MOST_UNACKED = 4
"""Times Receive Maximum: mosquitto 2.0.11 was seen to pass it after reconnects, and 3.1.1 has none."""

CLOSED = (
    "the broker closed the line before it answered to CONNECT; is this a port with TLS (mqtts://), "
    "or does it ask for a certificate (mqtt.cert_file)?"
)

SILENT = 'no answer to CONNECT; of a broker that knows MQTT 3.1.1 alone, set mqtt.protocol = "3.1.1"'

IN_FLIGHT = 10
"""QoS 1 publishes under way; the least Receive Maximum seen as a broker's default, which paho does not heed itself."""

log = logging.getLogger(__name__)


class Connection:
    """One connection to the broker, kept alive until `stop`.

    Args:
        broker: where it is.
        name: of this connection, for logs.
        client_id: unique at the broker.
        filters: subscribed at QoS 1 on each connect.
        abandoned: filters of an earlier configuration; the session may still hold them, so they are unsubscribed.
        receive_maximum: QoS 1 messages in flight; None: as many as the broker likes.
        persistent: with a `receive_maximum`, the session survives a disconnect; what is in flight comes again.
        will: retained last will, QoS 1.
        max_payload_bytes: a longer payload is cut to one byte more, so that nobody's flood fills the memory.
        max_packet_bytes: a broker of MQTT 5 keeps larger ones; None: `Limits.of` says.
        on_message: called by the network's thread; may block.
        on_change: called when there is news (connected, lost, confirmations); must not block.
    """

    certificate: bytes | None = None
    """The broker's, in DER, as it was shown last."""

    taken_over = False
    """Another connection takes our client id again and again; this one has ended for good."""

    def __init__(  # noqa: PLR0913 (keywords, nearly all with a default)
        self,
        broker: BrokerAddress,
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
        """Rises with each connection that came about."""
        self.denied: tuple[str, ...] = ()
        """Filters that the broker refused."""
        self.last_error: str | None = None
        self.confirmations: deque[Confirmation] = deque()
        self._broker, self._client_id, self._filters = broker, client_id, filters
        self._abandoned = list(abandoned)
        self._receive_maximum = receive_maximum
        self._limits = mqtt_properties.ConnectLimits.of(filters, max_payload_bytes, max_packet_bytes)
        self._persistent = persistent and receive_maximum is not None
        self._will = will
        self._on_message = on_message
        self._on_change = on_change
        self._version = MQTTProtocolVersion.MQTTv311 if broker.protocol == "3.1.1" else MQTTProtocolVersion.MQTTv5
        self._client: paho.Client | None = None
        self._connected = self._answered = self._will_wanted = False
        self._stopping = threading.Event()
        self._takeovers = Takeovers()
        self._unacked: set[int] = set()  # ids of QoS 1 messages of this connection
        self._cut: paho.Client | None = None  # brought too many of them; what it still brings comes again
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{name}", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted this connection."""
        return self._connected

    @property
    def protocol(self) -> str:
        """`5` or `3.1.1`, as spoken."""
        return "5" if self._version == MQTTProtocolVersion.MQTTv5 else "3.1.1"

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread is there to keep it alive."""
        return self._thread.is_alive()

    def stop(self, *, with_will: bool = False, timeout_s: float = 5.0) -> None:
        """Disconnect and end. The broker sends the will only if it is asked to."""
        self._will_wanted = with_will
        self._stopping.set()
        client = self._client
        if client is not None:
            self._leave(client)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def reconnect(self) -> None:
        """Cut the connection; the next one brings again what is not acknowledged."""
        client = self._client
        if client is not None:
            self._cut = client
            client.disconnect()

    def _leave(self, client: paho.Client) -> None:
        if not self._will_wanted:
            client.disconnect()
        elif self._version == MQTTProtocolVersion.MQTTv5:
            client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
        elif isinstance(line := client.socket(), socket.socket):
            with suppress(OSError):  # 3.1.1 has no word for it: a line that goes dead is what the will is for
                line.shutdown(socket.SHUT_RDWR)

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
        """Send a message; its id when it is under way, None when there is no connection."""
        client = self._client
        if client is None or not self._connected:
            return None
        told = mqtt_properties.of_publish(properties, correlation) if self.protocol == "5" else None
        info = client.publish(topic, payload, qos, retain, properties=told)
        return info.mid if info.rc == paho.MQTT_ERR_SUCCESS else None

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            before = self.epoch
            self._answered = False
            try:
                self._session()
                if not (self._answered or self._stopping.is_set()):
                    self._note_failure(CLOSED)
            except (OSError, ValueError, ConfigurationError) as error:  # DNS, TCP, TLS, certificates
                self._note_failure(str(error) or type(error).__name__)
            except Exception:
                log.exception("connection failed in a way nobody expected", extra=fields(connection=self.name))
            failures = 0 if self.epoch > before else failures + 1
            longest_s = min(MAX_WAIT_S, 2.0 ** min(failures, 10))
            self._stopping.wait(random.uniform(0.05, longest_s))  # noqa: S311 (jitter)

    def _session(self) -> None:
        """One client from connect to its end."""
        ended = threading.Event()
        client = self._new_client(ended)
        client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s, **self._connect_options())
        self._unacked.clear()
        self._client = client
        client.loop_start()
        name = f"paho-mqtt-client-{self._client_id}"
        thread = next((t for t in threading.enumerate() if t.name == name and t.is_alive()), None)
        try:
            if not self._wait_connack(ended):
                self._answered = True  # what is noted here says more
                self._note_failure(SILENT if self.protocol == "5" else "no answer to CONNECT")
                return
            while not (ended.wait(1.0) or self._stopping.is_set()):
                if thread is not None and not thread.is_alive():
                    log.error("network thread died", extra=fields(connection=self.name))
                    return
        finally:
            self._connected = False
            self._client = None
            self._leave(client)  # first: loop_stop alone would wait for unacknowledged messages
            client.loop_stop()
            self._on_change()

    def _wait_connack(self, ended: threading.Event) -> bool:
        deadline = time.monotonic() + CONNACK_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._connected or self._stopping.is_set():
                return True
            if ended.wait(0.02):
                return True  # refused: on_connect has noted why
        return False

    def _new_client(self, ended: threading.Event) -> paho.Client:
        five = self._version == MQTTProtocolVersion.MQTTv5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if five else not self._persistent,
            protocol=self._version,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        broker = self._broker
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            client.tls_set_context(context(broker))
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.on_connect = self._connected_callback
        client.on_disconnect = partial(self._disconnected_callback, ended)
        client.on_message = self._message_callback
        client.on_publish = self._published_callback
        client.on_subscribe = self._subscribed_callback
        return client

    def _connect_options(self) -> dict[str, Any]:
        if self._version != MQTTProtocolVersion.MQTTv5:
            return {}
        properties = mqtt_properties.of_connect(self._receive_maximum, self._limits, persistent=self._persistent)
        return {"clean_start": not self._persistent, "properties": properties}

    def _connected_callback(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        self._answered = True
        if code.is_failure:
            if code.value == UNSUPPORTED_PROTOCOL and self._broker.protocol == "auto" and self.protocol == "5":
                self._version = MQTTProtocolVersion.MQTTv311
                log.warning("broker refuses MQTT 5: using 3.1.1, which can't report a denied publish")
            self._note_failure(str(code))
            return
        if self._abandoned:
            client.unsubscribe(self._abandoned)
        if self._filters:
            client.subscribe([(topic_filter, 1) for topic_filter in self._filters])
        self.last_error, self.certificate = None, certificate_of(client.socket())
        self.denied = ()
        self.epoch += 1
        self._connected = True
        log.info("connected", extra=fields(connection=self.name, protocol=self.protocol))
        self._on_change()

    def _disconnected_callback(
        self, ended: threading.Event, _client: paho.Client, _data: Any, _flags: Any, code: Any, _props: Any
    ) -> None:
        if self._connected and not self._stopping.is_set():
            log.warning("connection lost", extra=fields(connection=self.name, reason=str(code)))
            if code.value == TAKEN_OVER and self._takeovers.fight(time.monotonic()):
                self.taken_over = True
                self._stopping.set()
        self._connected = False
        ended.set()
        self._on_change()

    def _message_callback(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            self._deliver(client, message)
        except Exception:
            # Not acknowledged, it comes again on the next connection; if this left here, paho's thread would end.
            log.exception("message could not be taken in", extra=fields(connection=self.name))
            client.disconnect()

    def _deliver(self, client: paho.Client, message: paho.MQTTMessage) -> None:
        if self._on_message is None or client is self._cut:
            return
        if message.qos:
            self._unacked.add(message.mid)
            most = MOST_UNACKED * (self._receive_maximum or 0)
            if self._persistent and len(self._unacked) > most:  # else a cut would lose them
                log.warning("cut: more messages than Receive Maximum allows wait for their acknowledgement",
                            extra=fields(connection=self.name, unacknowledged=len(self._unacked)))  # fmt: skip
                self.reconnect()
                return
        ack = partial(self._ack, client, message.mid, message.qos)
        self._on_message(mqtt_properties.message_of(message, self._limits, ack, self.epoch))

    def _ack(self, client: paho.Client, mid: int, qos: int) -> None:
        if client is self._client and qos:
            self._unacked.discard(mid)
            client.ack(mid, qos)

    def _published_callback(self, client: paho.Client, _data: Any, mid: int, code: Any, _props: Any) -> None:
        if client is self._client:
            self.confirmations.append(Confirmation(self.epoch, mid, str(code) if code.is_failure else None))
            self._on_change()

    def _subscribed_callback(self, _client: paho.Client, _data: Any, _mid: int, codes: Any, _props: Any) -> None:
        self.denied = tuple(f for f, code in zip(self._filters, codes, strict=False) if code.is_failure)
        if self.denied:
            log.error("broker denies the subscription", extra=fields(connection=self.name, filters=self.denied))
            self._on_change()

    def _note_failure(self, error: str) -> None:
        level = logging.DEBUG if error == self.last_error else logging.WARNING
        self.last_error = error
        where = f"{self._broker.host}:{self._broker.port}"
        log.log(level, "no connection, trying again", extra=fields(connection=self.name, broker=where, error=error))
        self._on_change()
