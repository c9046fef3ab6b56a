from __future__ import annotations

from types import SimpleNamespace

from drsn.agent.mqtt.connection_options import ConnectionOptions, ReceiveLimits
from drsn.agent.mqtt.properties import (
    MAX_PROPERTIES,
    SESSION_EXPIRY_S,
    connect_properties,
    message_of,
    publish_properties,
    user_properties,
)
from drsn.agent.mqtt.topics import MAX_REPLY_CHARS, Topics


def pairs_of(*pairs: tuple[str, str]) -> SimpleNamespace:
    return SimpleNamespace(UserProperty=list(pairs))


def connect(**options: object):
    return connect_properties(ConnectionOptions("x", "x", **options))


def test_a_session_is_kept_only_where_messages_are_acknowledged():
    kept, ended = connect(receive_maximum=20), connect(persistent=False)
    assert (kept.ReceiveMaximum, kept.SessionExpiryInterval) == (20, SESSION_EXPIRY_S)
    assert not hasattr(ended, "ReceiveMaximum")
    assert not hasattr(ended, "SessionExpiryInterval")
    brief = connect(receive_maximum=20, persistent=False)
    assert (brief.ReceiveMaximum, hasattr(brief, "SessionExpiryInterval")) == (20, False)


def test_maximum_packet_size_is_sent_only_with_a_limit():
    assert connect(max_payload_bytes=100).MaximumPacketSize == 16 << 20
    assert connect(max_payload_bytes=100, max_packet_bytes=1000).MaximumPacketSize == 1000
    assert not hasattr(connect(receive_maximum=20), "MaximumPacketSize")


def limits_of(filters: tuple[str, ...], payload_bytes: int | None = None) -> ReceiveLimits:
    return ConnectionOptions("x", "x", filters, max_payload_bytes=payload_bytes).limits


def received_as(limits: ReceiveLimits, topic: str, payload: bytes = b"", **properties: object):
    received = SimpleNamespace(
        topic=topic, payload=payload, qos=0, retain=False, mid=0, properties=SimpleNamespace(**properties)
    )
    return message_of(received, limits, None, 1)


def test_a_topic_or_payload_over_its_limit_is_cut_to_one_more_than_the_limit():
    """An inbox holds hundreds of messages, and a topic may have 65,535 characters of four bytes."""
    limits = limits_of(("a/+/b", "c"), 10)
    longest = len("a//b") + 256
    assert [len(received_as(limits, "a" * n).topic) for n in (longest, longest + 1, 65_535)] == [
        longest,
        *2 * [longest + 1],
    ]
    assert [len(received_as(limits, "", bytes(n)).payload) for n in (10, 11, 10_000)] == [10, 11, 11]
    assert len(received_as(limits_of(("a/#",), 10), "a" * 65_535).topic) == 65_535


def test_a_response_topic_that_was_cut_is_still_refused():
    topics = Topics("drsn/v1", "a")
    wanted = received_as(limits_of(()), "", ResponseTopic="drsn/v1/_reply/" + "x" * 65_000).response_topic
    assert len(wanted) == MAX_REPLY_CHARS + 1
    assert topics.reply("r1", wanted) == "drsn/v1/_reply/r1"


def test_a_publish_without_properties_sends_none():
    assert publish_properties(None, b"") is None
    assert publish_properties({}, b"") is None
    sent = publish_properties({"seq": "7"}, b"c")
    assert (sent.UserProperty, sent.CorrelationData) == ([("seq", "7")], b"c")


def test_user_properties_of_a_message_are_bounded():
    assert user_properties(None) == user_properties(SimpleNamespace()) == {}
    assert user_properties(pairs_of(("seq", "1"), ("seq", "2"))) == {"seq": "2"}
    assert user_properties(pairs_of(("long", "x" * 65_000), ("seq", "1"))) == {"seq": "1"}
    assert len(user_properties(pairs_of(*((str(i), "") for i in range(60_000))))) == MAX_PROPERTIES
