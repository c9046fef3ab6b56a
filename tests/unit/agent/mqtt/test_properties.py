from __future__ import annotations

from types import SimpleNamespace

import pytest

from drsn.agent.mqtt import properties as mqtt_properties
from drsn.agent.mqtt.properties import (
    MAX_PACKET_BYTES,
    MAX_PROPERTIES,
    ConnectLimits,
    message_of,
    of_connect,
    of_publish,
    user_properties,
)
from drsn.agent.mqtt.topics import MAX_REPLY_CHARS, Topics


def received(*pairs: tuple[str, str]) -> SimpleNamespace:
    return SimpleNamespace(UserProperty=list(pairs))


def test_a_session_is_kept_only_where_messages_are_acknowledged():
    limits = ConnectLimits.of((), 100, None)
    kept, ended = of_connect(20, limits, persistent=True), of_connect(None, limits, persistent=False)
    assert (kept.ReceiveMaximum, kept.SessionExpiryInterval) == (20, mqtt_properties.SESSION_EXPIRY_S)
    assert not hasattr(ended, "ReceiveMaximum")
    assert not hasattr(ended, "SessionExpiryInterval")
    brief = of_connect(20, limits, persistent=False)
    assert (brief.ReceiveMaximum, hasattr(brief, "SessionExpiryInterval")) == (20, False)


@pytest.mark.parametrize(("payload", "packet"), [(0, 16 << 20), (1 << 20, 16 << 20), (100 << 20, 200 << 20)])
def test_no_packet_is_assembled_that_is_far_too_large(payload: int, packet: int):
    """Far: a packet that is only too large is taken in, to be counted."""
    assert of_connect(None, ConnectLimits.of((), payload, None), persistent=False).MaximumPacketSize == packet
    assert packet >= max(MAX_PACKET_BYTES, 2 * payload)
    assert not hasattr(of_connect(20, ConnectLimits.of((), None, None), persistent=True), "MaximumPacketSize")
    assert of_connect(None, ConnectLimits.of((), payload, 1000), persistent=False).MaximumPacketSize == 1000


def taken(limits: ConnectLimits, topic: str, payload: bytes = b"", **properties: object):
    received = SimpleNamespace(
        topic=topic, payload=payload, qos=0, retain=False, properties=SimpleNamespace(**properties)
    )
    return message_of(received, limits, lambda: None, 1)


def test_what_is_too_long_is_cut_and_still_too_long():
    """An inbox holds hundreds of messages, and a topic may have 65,535 characters of four bytes."""
    limits = ConnectLimits.of(("a/+/b", "c"), 10, None)
    longest = len("a//b") + 256
    assert [len(taken(limits, "a" * n).topic) for n in (longest, longest + 1, 65_535)] == [longest, *2 * [longest + 1]]
    assert [len(taken(limits, "", bytes(n)).payload) for n in (10, 11, 10_000)] == [10, 11, 11]
    assert len(taken(ConnectLimits.of(("a/#",), 10, None), "a" * 65_535).topic) == 65_535


def test_a_response_topic_that_is_cut_is_as_little_honoured_as_before():
    topics = Topics("drsn/v1", "a")
    wanted = taken(ConnectLimits.of((), None, None), "", ResponseTopic="drsn/v1/_reply/" + "x" * 65_000).response_topic
    assert len(wanted) == MAX_REPLY_CHARS + 1
    assert topics.reply("r1", wanted) == "drsn/v1/_reply/r1"


def test_what_is_not_given_is_not_sent():
    assert of_publish(None, b"") is None
    assert of_publish({}, b"") is None
    told = of_publish({"seq": "7"}, b"c")
    assert (told.UserProperty, told.CorrelationData) == ([("seq", "7")], b"c")


def test_user_properties_of_a_message_are_bounded():
    assert user_properties(None) == user_properties(SimpleNamespace()) == {}
    assert user_properties(received(("seq", "1"), ("seq", "2"))) == {"seq": "2"}
    assert user_properties(received(("long", "x" * 65_000), ("seq", "1"))) == {"seq": "1"}
    assert len(user_properties(received(*((str(i), "") for i in range(60_000))))) == MAX_PROPERTIES
