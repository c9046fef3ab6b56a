"""The client on a socket whose other end is the test."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from drsn.agent.mqtt.buffered_socket import BufferedSocket
from drsn.agent.mqtt.paho_client import PACKETS_A_TURN, PahoClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.mqtt.publish_packet import PublishPacket

CONNACK = bytes([0x20, 3, 0, 0, 0])
RESPONSE_TOPIC = b"\x08\0\1r"


def publish(packet_id: int, payload: bytes = b"x", topic: bytes = b"a", properties: bytes = b"") -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big")
    body += bytes([len(properties)]) + properties + payload
    length, rest = b"", len(body)
    while rest > 0x7F:
        length, rest = length + bytes([rest & 0x7F | 0x80]), rest >> 7
    return b"\x32" + length + bytes([rest]) + body


class Line:
    """A client that a broker has accepted, and the broker's end of the connection."""

    def __init__(self, listener: socket.socket) -> None:
        self.packets: list[PublishPacket] = []
        self.parsed_by_paho: list[bytes] = []
        self.client = PahoClient(
            max_payload_bytes=1 << 20,
            callback_api_version=CallbackAPIVersion.VERSION2,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        self.client.on_publish_packet = self.packets.append
        self.client.on_message = lambda _client, _data, message: self.parsed_by_paho.append(message.payload)
        self.client.connect(*listener.getsockname())
        self.end, _ = listener.accept()
        self.end.settimeout(5)
        self.end.recv(4096)
        self.end.sendall(CONNACK)
        self.client.loop(1.0)
        assert self.client.is_connected()


@pytest.fixture
def line() -> Iterator[Line]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(listener)
        yield line
        line.client.disconnect()
        line.end.close()


def test_paho_uses_what_the_client_overrides(line: Line):
    """If this fails, paho has changed: the client still works, at paho's pace."""
    assert isinstance(line.client.socket(), BufferedSocket)
    for name in ("_create_socket", "_handle_publish", "_packet_queue", "loop_read"):
        assert callable(getattr(paho.Client, name))
    line.end.sendall(publish(1))
    line.client.loop(1.0)
    assert [packet.packet_id for packet in line.packets] == [1]


def test_packets_that_came_together_are_read_in_one_turn(line: Line):
    line.end.sendall(b"".join(publish(n, bytes([n])) for n in range(1, 41)))
    line.client.loop(1.0)
    assert [packet.payload[0] for packet in line.packets] == list(range(1, 41))


def test_a_flood_leaves_room_for_what_must_be_written(line: Line):
    line.end.sendall(b"".join(publish(n) for n in range(1, 4 * PACKETS_A_TURN)))
    line.client.ack_all([1])
    line.client.loop(1.0)
    assert len(line.packets) <= PACKETS_A_TURN + 1
    assert line.end.recv(9) == b"\x40\x02\x00\x01"


def test_a_packet_in_pieces_is_read_when_it_is_complete(line: Line):
    data = publish(1, bytes(8192)) + publish(2, bytes(300))
    for start in range(0, len(data), 1000):
        line.end.sendall(data[start : start + 1000])
        line.client.loop(1.0)
    assert [(packet.packet_id, len(packet.payload)) for packet in line.packets] == [(1, 8192), (2, 300)]


def test_what_only_paho_parses_comes_in_its_order(line: Line):
    line.end.sendall(publish(1) + publish(2, b"command", properties=RESPONSE_TOPIC) + publish(3))
    line.client.loop(1.0)
    assert [packet.packet_id for packet in line.packets] == [1, 3]
    assert line.parsed_by_paho == [b"command"]


SIZES = st.one_of(st.integers(0, 300), st.sampled_from([4000, 8192, 70_000]))
KINDS = st.sampled_from(["plain", "plain", "plain", "command", "ping"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(st.tuples(KINDS, SIZES), max_size=20), cuts=st.lists(st.integers(1, 20_000), max_size=6))
def test_however_packets_are_cut_each_comes_once_and_in_order(sent, cuts: list[int], line: Line):
    line.packets.clear()
    line.parsed_by_paho.clear()
    data, plain, commands = b"", [], []
    for number, (kind, size) in enumerate(sent, start=1):
        payload = number.to_bytes(2, "big") + bytes(size)
        data += b"\xd0\0" if kind == "ping" else publish(number, payload, properties=RESPONSE_TOPIC * (kind != "plain"))
        plain += [payload] * (kind == "plain")
        commands += [payload] * (kind == "command")
    ends = [*cuts, len(data)]
    start = 0
    for end in ends:
        line.end.sendall(data[start : start + end])
        start += end
        line.client.loop(0.0)
    give_up_s = time.monotonic() + 10
    while len(line.packets) + len(line.parsed_by_paho) < len(plain) + len(commands) and time.monotonic() < give_up_s:
        line.client.loop(0.1)
    assert [packet.payload for packet in line.packets] == plain
    assert line.parsed_by_paho == commands


def test_acknowledgements_are_one_write_in_their_order(line: Line):
    line.client.ack_all([5, 300, 7])
    line.client.loop(1.0)
    assert line.end.recv(100) == b"\x40\x02\x00\x05\x40\x02\x01\x2c\x40\x02\x00\x07"


def test_the_end_of_the_connection_is_seen_behind_buffered_packets(line: Line):
    line.end.sendall(publish(1) + publish(2))
    line.end.close()
    while line.client.loop(0.1) == 0:
        pass
    assert len(line.packets) == 2
    assert not line.client.is_connected()
