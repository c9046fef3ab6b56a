"""One visit to the broker: log in, subscribe to what the agent reads, publish where it writes; leave no trace.

What is published is not retained, so nobody who comes later finds it.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.tls import context
from drsn.agent.tools.doctor.probe_messages import words

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.topics import Topics

TIMEOUT_S = 5.0
"""For a name, a connection, a handshake; a broker in the same plant takes milliseconds."""

WORD_S = 0.5
"""For the broker to refuse our certificate."""

LISTEN_S = 2.0
"""For a packet of some sensor. mosquitto's acl_file takes every subscription and delivers nothing of what may not be
read, so only a packet proves that the agent may."""

ANSWER_S = 12.0
"""For a login, the fall back to 3.1.1 included, and then for the word on what was published."""

NO_ANSWER = "no answer to CONNECT"


class OwnCertificateError(OSError):
    """The handshake was done, and then the broker did not go on: it does not take our certificate, or wants one."""


@dataclass(frozen=True)
class BrokerSession:
    """What the broker said."""

    error: str | None
    """Why it did not let us in."""
    protocol: str = ""
    denied: tuple[str, ...] = ()
    """Filters that may not be subscribed to."""
    published: Mapping[str, str | None] = field(default_factory=dict)
    """Topic -> the broker's reason to refuse a publish; None: it took it."""
    silent: tuple[str, ...] = ()
    """Topics on which it gave no answer in time."""
    heard: str | None = None
    """Topic of the first packet that came; None: none came in time."""


def connected(broker: BrokerAddress) -> socket.socket:
    """A TCP connection.

    Raises:
        OSError: none comes about.
    """
    return socket.create_connection((broker.host, broker.port), TIMEOUT_S)


def encrypted(broker: BrokerAddress, line: socket.socket) -> ssl.SSLSocket:
    """TLS on it, with the certificate checked as the agent checks it.

    Raises:
        OwnCertificateError: the broker does not take our certificate.
        OSError: the handshake fails; ssl.SSLError among them.
    """
    secret = context(broker).wrap_socket(line, server_hostname=broker.host)
    # With TLS 1.3 the broker's word on our certificate comes after the handshake; else it waits for us to speak first.
    secret.settimeout(WORD_S)
    try:
        if not secret.recv(1):
            raise OwnCertificateError("it closes the line")
    except TimeoutError:
        return secret
    except OSError as error:
        raise OwnCertificateError(getattr(error, "reason", None) or str(error)) from None
    return secret


def reaches(broker: BrokerAddress) -> bool:
    """Whether the line stands, encrypted where it is to be."""
    try:
        with connected(broker) as line:
            if broker.tls:
                encrypted(broker, line).close()
    except OSError:
        return False
    return True


def tried(broker: BrokerAddress, topics: Topics, filters: tuple[str, ...]) -> BrokerSession:
    """Log in, subscribe, publish, leave."""
    heard: list[str] = []

    def hear(message: Message) -> None:
        if not heard and not message.topic.startswith(topics.commands.removesuffix("+")):
            heard.append(message.topic)

    connection = Connection(
        broker,
        ConnectionOptions(
            name="doctor",
            client_id=f"drsn-{topics.agent}-doctor",
            filters=(*filters, topics.commands),
            max_payload_bytes=0,
        ),
        on_message=hear,  # not acknowledged: not ours
    )
    connection.start()
    try:
        if not _let_in(connection, broker):
            return BrokerSession(connection.last_error or NO_ANSWER, connection.protocol)
        return _done(connection, topics, heard)
    finally:
        connection.stop()


def _let_in(connection: Connection, broker: BrokerAddress) -> bool:
    deadline_s = time.monotonic() + ANSWER_S
    first_protocol = connection.protocol
    while time.monotonic() < deadline_s and not connection.connected:
        falls_back = broker.protocol == "auto" and connection.protocol != first_protocol
        if connection.last_error is not None and not falls_back:
            return False
        time.sleep(0.02)
    return connection.connected


def _done(connection: Connection, topics: Topics, heard: list[str]) -> BrokerSession:
    """The broker answers in order: with the word on a publish, that on the subscriptions before it is here too."""
    waiting: dict[int, str] = {}
    answers: dict[str, str | None] = {}
    said = words(topics)
    for topic, payload in said.items():
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
    while not (heard or connection.denied) and time.monotonic() < listen_until_s:
        time.sleep(0.02)
    silent = tuple(topic for topic in said if topic not in answers)
    return BrokerSession(None, connection.protocol, connection.denied, answers, silent, next(iter(heard), None))
