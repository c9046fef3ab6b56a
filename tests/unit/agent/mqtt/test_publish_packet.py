"""The parser of this package beside paho's: what it parses, both parse alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import paho.mqtt.client as paho
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.properties import bounded, message_of
from drsn.agent.mqtt.publish_packet import PublishPacket, complete_publish, parse

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message

PUBLISH = 0x30
LIMITS = ConnectionOptions("x", "x").limits
ALL = 1 << 20


def text(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def pair(name: str, value: str) -> bytes:
    return b"\x26" + text(name.encode()) + text(value.encode())


def body_of(topic: bytes, payload: bytes, *, qos: int = 1, properties: bytes | None = b"", packet_id: int = 7) -> bytes:
    """Everything after the length; `properties` None: MQTT 3.1.1."""
    middle = packet_id.to_bytes(2, "big") if qos else b""
    if properties is None:
        return text(topic) + middle + payload
    low, high = len(properties) & 0x7F, len(properties) >> 7
    return text(topic) + middle + (bytes([low | 0x80, high]) if high else bytes([low])) + properties + payload


def by_paho(first: int, body: bytes, protocol: MQTTProtocolVersion) -> Message:
    """The message that a client of paho receives."""
    received: list[Message] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=protocol, manual_ack=True)
    client.on_message = lambda _client, _data, message: received.append(message_of(message, LIMITS, None, 1))
    client._in_packet = {"command": first, "packet": bytearray(body)}
    assert client._handle_publish() == 0
    (message,) = received
    return message


TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["\ufeffa", "a\0b", "seq", "1"]))
PROPERTY = st.one_of(
    st.builds(pair, TEXTS, TEXTS),
    st.sampled_from([b"\x01\x00", b"\x01\x01", b"\x01\x02", b"\x02\0\0\0\1", b"\x03\0\1a", b"\x08\0\1r", b"\x09\0\1c"]),
    st.sampled_from(
        [b"\x0b\x05", b"\x23\0\1", b"\x11\0\0\0\0", b"\x7f", b"\x26\0", b"\x26\0\1a\0\2b", b"\x26\0\1\xff\0\0"]
    ),
)
BODIES = st.builds(
    body_of,
    st.one_of(st.sampled_from([b"plant/a/raw", b"", b"\xff\xfe", "ü".encode()]), st.binary(max_size=6)),
    st.binary(max_size=12),
    qos=st.sampled_from([0, 1]),
    properties=st.none() | st.lists(PROPERTY, max_size=4).map(b"".join),
)


@example(first=PUBLISH | 2, body=body_of(b"a", b"x", properties=pair("n", "v") * 30), cut=0)
@example(first=PUBLISH | 2, body=body_of(b"a", b"x"), cut=3)
@given(
    first=st.sampled_from([PUBLISH | flags for flags in (0, 1, 2, 3, 4, 8, 10)]),
    body=st.one_of(BODIES, st.binary(max_size=30)),
    cut=st.sampled_from([0, 0, 0, 1, 2, 5, 9]),
)
def test_what_it_parses_paho_parses_alike(first: int, body: bytes, cut: int):
    body = body[: len(body) - cut]
    for protocol in (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311):
        found = parse(first, body, ALL, with_properties=protocol == MQTTProtocolVersion.MQTTv5)
        if found is not None:
            expected = by_paho(first, body, protocol)
            assert found.topic == expected.topic
            assert (found.payload, found.qos, found.retained) == (expected.payload, expected.qos, expected.retained)
            assert found.packet_id == expected.packet_id
            assert bounded(found.user_properties) == expected.properties
            assert (expected.response_topic, expected.correlation) == ("", b"")


def test_packets_of_sensors_are_parsed():
    properties = (
        pair("seq", "1") + pair("boot_id", "2") + b"\x03" + text(b"application/vnd.drsn.frame") + b"\x02\0\0\0\5"
    )
    found = parse(PUBLISH | 3, body_of(b"a/b", b"xyz", properties=properties), ALL, with_properties=True)
    assert found == PublishPacket("a/b", b"xyz", 1, True, 7, [("seq", "1"), ("boot_id", "2")])
    many = b"".join(pair(f"name{n}", "v" * 20) for n in range(100))
    found = parse(PUBLISH | 2, body_of(b"a/b", b"xyz", properties=many), ALL, with_properties=True)
    assert (len(found.user_properties), found.payload) == (100, b"xyz")
    found = parse(PUBLISH, body_of(b"a", b"", qos=0, properties=None), ALL, with_properties=False)
    assert found == PublishPacket("a", b"", 0, False, 0, [])


@given(before=st.binary(max_size=3), size=st.one_of(st.integers(0, 300), st.sampled_from([16_383, 16_384, 70_000])),
       after=st.binary(max_size=3), missing=st.sampled_from([0, 0, 1, 2, 200]))  # fmt: skip
def test_a_complete_packet_is_found_with_its_body(before: bytes, size: int, after: bytes, missing: int):
    length, rest = b"", size
    while rest > 0x7F:
        length, rest = length + bytes([rest & 0x7F | 0x80]), rest >> 7
    packet = b"\x32" + length + bytes([rest]) + bytes(size)
    if missing:
        cut = packet[: max(1, len(packet) - missing)]
        assert complete_publish(before + cut, len(before)) is None or len(cut) == len(packet)
        return
    start = len(before) + 2 + len(length)
    assert complete_publish(before + packet + after, len(before)) == (start, start + size)


def test_other_packets_and_endless_lengths_are_no_publish():
    assert complete_publish(b"\xd0\0", 0) is None
    assert complete_publish(b"\x32" + b"\xff" * 9 + bytes(99), 0) is None


@pytest.mark.parametrize("size", [9, 10, 11, 100])
def test_a_payload_over_its_limit_is_cut_to_one_byte_more(size: int):
    found = parse(PUBLISH | 2, bytearray(body_of(b"a", bytes(size))), 10, with_properties=True)
    assert (type(found.payload), len(found.payload)) == (bytes, min(size, 11))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        body_of(b"", b"x"),
        body_of(b"\xff", b"x"),
        body_of(b"a", b"x", properties=b"\x08\0\1r"),  # a response topic: of a command
        body_of(b"a", b"x", properties=pair("a\0", "")),
        body_of(b"a", b"x", properties=b"\x02\0\0\0\1" * 2),
        body_of(b"a", b"")[:-1] + b"\xff\xff\x01" + bytes(16_384),  # many properties
    ],
)
def test_the_rest_is_left_to_paho(body: bytes):
    assert parse(PUBLISH | 2, body, ALL, with_properties=True) is None
    assert parse(PUBLISH | 4, body_of(b"a", b"x"), ALL, with_properties=True) is None, "QoS 2"
