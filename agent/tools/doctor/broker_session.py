"""One MQTT session with the broker: log in, subscribe as the agent does, publish one probe on each kind of topic.

The probes are not retained, so no later subscriber receives them.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.session import NO_CONNACK
from drsn.agent.mqtt.tls import context
from drsn.agent.tools.doctor.probe_messages import probes

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.topics import Topics

TIMEOUT_S = 5.0
"""For DNS, TCP and the TLS handshake; a broker in the same plant takes milliseconds."""

CERTIFICATE_ANSWER_S = 0.5
"""Time for the broker to refuse our certificate."""

LISTEN_S = 2.0
"""Time for a packet of any sensor. mosquitto's acl_file accepts every subscription and then delivers nothing that may
not be read, so only a packet proves the permission."""

ANSWER_S = 17.0
"""For a login, with an attempt of MQTT 5 and one of 3.1.1 that get no answer, and then for the confirmations."""


class OwnCertificateError(OSError):
    """The broker ended the connection after the handshake: it refuses our certificate, or requires one."""


@dataclass(frozen=True)
class BrokerSession:
    """The answers of the broker."""

    error: str | None
    """Why the login failed; None: it did not."""
    protocol: str = ""
    denied: tuple[str, ...] = ()
    """Filters whose subscription it refused."""
    published: Mapping[str, str | None] = field(default_factory=dict)
    """Topic -> the broker's reason to refuse the probe; None: it accepted it."""
    unconfirmed: tuple[str, ...] = ()
    """Topics of the probes that it did not confirm in time."""
    received: str | None = None
    """Topic of the first packet from a sensor; None: none came in time."""


def connected(broker: BrokerAddress) -> socket.socket:
    """Open a TCP connection.

    Raises:
        OSError: it failed.
    """
    return socket.create_connection((broker.host, broker.port), TIMEOUT_S)


def encrypted(broker: BrokerAddress, line: socket.socket) -> ssl.SSLSocket:
    """Start TLS on a connection; the certificate is checked as the agent checks it.

    Raises:
        OwnCertificateError: the broker refuses our certificate.
        OSError: the handshake fails; ssl.SSLError among them.
    """
    secret = context(broker).wrap_socket(line, server_hostname=broker.host)
    # With TLS 1.3 the broker refuses our certificate after the handshake; if it accepts it, it waits for CONNECT.
    secret.settimeout(CERTIFICATE_ANSWER_S)
    try:
        if not secret.recv(1):
            raise OwnCertificateError("it closed the connection")
    except TimeoutError:
        return secret
    except OSError as error:
        raise OwnCertificateError(getattr(error, "reason", None) or str(error)) from None
    return secret


def reaches(broker: BrokerAddress) -> bool:
    """Return True if a connection is possible, with TLS if it is configured."""
    try:
        with connected(broker) as line:
            if broker.tls:
                encrypted(broker, line).close()
    except OSError:
        return False
    return True


def tried(broker: BrokerAddress, topics: Topics, filters: tuple[str, ...]) -> BrokerSession:
    """Log in, subscribe, publish the probes, disconnect."""
    received: list[str] = []

    def receive(message: Message) -> None:
        if not received and not message.topic.startswith(topics.commands.removesuffix("+")):
            received.append(message.topic)

    connection = Connection(
        broker,
        ConnectionOptions(
            name="doctor",
            client_id=f"drsn-{topics.agent}-doctor",
            filters=(*filters, topics.commands),
            max_payload_bytes=0,
        ),
        on_message=receive,  # without acknowledgement: the packet is for the agent
    )
    connection.start()
    try:
        if not logged_in(connection):
            return BrokerSession(connection.last_error or NO_CONNACK, connection.protocol)
        return _probed(connection, topics, received)
    finally:
        connection.stop()


def logged_in(connection: Connection) -> bool:
    """Wait until the broker has accepted the connection; False: it does not."""
    deadline_s = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline_s and not connection.connected:
        if connection.last_error is not None:
            return False
        time.sleep(0.02)
    return connection.connected


def _probed(connection: Connection, topics: Topics, received: list[str]) -> BrokerSession:
    """Publish the probes. The broker answers in order, so their confirmations follow those of the subscriptions."""
    waiting: dict[int, str] = {}
    answers: dict[str, str | None] = {}
    messages = probes(topics)
    for topic, payload in messages.items():
        mid = connection.publish(topic, payload, qos=1)
        if mid is not None:
            waiting[mid] = topic
    listen_until_s = time.monotonic() + LISTEN_S
    deadline_s = time.monotonic() + ANSWER_S
    while waiting and time.monotonic() < deadline_s and connection.connected:
        while connection.confirmations:
            confirmation = connection.confirmations.popleft()
            if topic := waiting.pop(confirmation.mid, ""):
                answers[topic] = confirmation.refused
        time.sleep(0.02)
    while not (received or connection.denied) and time.monotonic() < listen_until_s:
        time.sleep(0.02)
    unconfirmed = tuple(topic for topic in messages if topic not in answers)
    return BrokerSession(None, connection.protocol, connection.denied, answers, unconfirmed, next(iter(received), None))
