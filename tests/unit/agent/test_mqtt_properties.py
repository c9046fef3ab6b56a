from __future__ import annotations

from types import SimpleNamespace

import pytest

from drsn.agent import mqtt_properties
from drsn.agent.mqtt_properties import MAX_PACKET_BYTES, MAX_PROPERTIES, of_connect, of_publish, user_properties


def received(*pairs: tuple[str, str]) -> SimpleNamespace:
    return SimpleNamespace(UserProperty=list(pairs))


def test_a_session_is_kept_only_where_messages_are_acknowledged():
    kept, ended = of_connect(20, 100), of_connect(None, 100)
    assert (kept.ReceiveMaximum, kept.SessionExpiryInterval) == (20, mqtt_properties.SESSION_EXPIRY_S)
    assert not hasattr(ended, "ReceiveMaximum")
    assert not hasattr(ended, "SessionExpiryInterval")


@pytest.mark.parametrize(("payload", "packet"), [(0, 16 << 20), (1 << 20, 16 << 20), (100 << 20, 200 << 20)])
def test_no_packet_is_assembled_that_is_far_too_large(payload: int, packet: int):
    """Far: a packet that is only too large is taken in, to be counted."""
    assert of_connect(None, payload).MaximumPacketSize == packet
    assert packet >= max(MAX_PACKET_BYTES, 2 * payload)
    assert not hasattr(of_connect(20, None), "MaximumPacketSize")


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
