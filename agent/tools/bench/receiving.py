"""What the MQTT library takes to receive and acknowledge a packet: a real connection to a sender on loopback."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drsn.agent.mqtt.message import Message

CONNECT, PUBACK, SUBSCRIBE, PINGREQ = 1, 4, 8, 12
"""Types of control packets (MQTT 5, 2.1.2)."""

CONNACK = b"\x20\x03\x00\x00\x00"
PINGRESP = b"\xd0\x00"

TIMEOUT_S = 10.0
PAUSE_S = 0.005
"""Between two rounds of acknowledgements: about the time of a batch."""


class Sender(threading.Thread):
    """As much of a broker as one connection needs: it accepts, and sends messages with QoS 1 as fast as they are acked.

    Args:
        messages: topics and payloads to send.
        receive_maximum: messages without an acknowledgement.
    """

    def __init__(self, messages: Sequence[Message], receive_maximum: int) -> None:
        super().__init__(name="sender", daemon=True)
        self.cpu_s = 0.0
        """CPU time of this thread, when it has ended."""
        self._packets = deque(_publish(number, message) for number, message in enumerate(messages))
        self._receive_maximum = receive_maximum
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(TIMEOUT_S)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.getsockname()[1])

    def run(self) -> None:
        """Serve one connection until it is closed."""
        with self._server, self._server.accept()[0] as connection, suppress(ConnectionError):
            free, buffer = 0, bytearray()
            while data := connection.recv(65_536):
                buffer += data
                for kind, body in _taken(buffer):
                    if kind == CONNECT:
                        connection.sendall(CONNACK)
                    elif kind == SUBSCRIBE:
                        connection.sendall(b"\x90\x04" + body[:2] + b"\x00\x01")
                        free = self._receive_maximum
                    elif kind == PINGREQ:
                        connection.sendall(PINGRESP)
                    free += kind == PUBACK
                count = min(free, len(self._packets))
                free -= count
                connection.sendall(b"".join(self._packets.popleft() for _ in range(count)))
        self.cpu_s = time.thread_time()


def receive_time_us(messages: Sequence[Message], receive_maximum: int, timeout_s: float = TIMEOUT_S) -> float:
    """Return the CPU time of receiving and acknowledging one message, in microseconds.

    Args:
        messages: to receive.
        receive_maximum: messages without an acknowledgement.
        timeout_s: for all of them.

    Raises:
        UnavailableError: the messages do not come.
    """
    sender, count = Sender(messages, receive_maximum), 0
    received: deque[Message] = deque()
    sender.start()
    options = ConnectionOptions("bench", "bench", ("bench/#",), receive_maximum=receive_maximum)
    connection = Connection(BrokerAddress("127.0.0.1", sender.port), options, on_message=received.append)
    started_s, started_cpu_s = time.monotonic(), time.process_time()
    connection.start()
    while count < len(messages):
        if time.monotonic() - started_s > timeout_s:
            connection.stop()
            raise UnavailableError(f"no MQTT connection on loopback: {connection.last_error or 'messages are missing'}")
        time.sleep(PAUSE_S)
        while received:
            received.popleft().ack()
            count += 1
    cpu_s = time.process_time() - started_cpu_s
    connection.stop()
    sender.join(TIMEOUT_S)
    return (cpu_s - sender.cpu_s) / len(messages) * 1e6


def _taken(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Remove the whole control packets from the buffer; yield the type and the body of each."""
    while len(buffer) >= 2:
        length, size = 0, 1
        while True:
            if size >= len(buffer):
                return
            length |= (buffer[size] & 127) << 7 * (size - 1)
            size += 1
            if buffer[size - 1] < 128:
                break
        if len(buffer) < size + length:
            return
        kind, body = buffer[0] >> 4, bytes(buffer[size : size + length])
        del buffer[: size + length]
        yield kind, body


def _publish(number: int, message: Message) -> bytes:
    topic = message.topic.encode()
    packet_id = struct.pack(">HB", number % 65_535 + 1, 0)  # no properties
    body = struct.pack(">H", len(topic)) + topic + packet_id + message.payload
    length, left = bytearray(), len(body)
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (128 if left else 0))
        if not left:
            return b"\x32" + bytes(length) + body
