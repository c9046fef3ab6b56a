from __future__ import annotations

from dataclasses import replace

import pytest

from drsn.agent.mqtt.connection_options import MAX_PACKET_BYTES, ConnectionOptions

OPTIONS = ConnectionOptions("x", "x")


@pytest.mark.parametrize(("payload", "packet"), [(0, 16 << 20), (1 << 20, 16 << 20), (100 << 20, 200 << 20)])
def test_the_packet_limit_leaves_room_to_count_a_payload_as_too_large(payload: int, packet: int):
    """A packet that is only somewhat too large must arrive, so that the agent counts it."""
    assert replace(OPTIONS, max_payload_bytes=payload).limits.packet_bytes == packet
    assert packet >= max(MAX_PACKET_BYTES, 2 * payload)


def test_an_explicit_packet_limit_wins():
    limits = replace(OPTIONS, max_payload_bytes=100, max_packet_bytes=1000).limits
    assert (limits.payload_bytes, limits.packet_bytes) == (100, 1000)


def test_without_options_there_is_a_payload_limit_and_no_packet_limit():
    assert (OPTIONS.limits.payload_bytes, OPTIONS.limits.packet_bytes) == (MAX_PACKET_BYTES, None)


@pytest.mark.parametrize(
    ("receive_maximum", "persistent", "kept"), [(20, True, True), (20, False, False), (None, True, False)]
)
def test_only_a_session_with_a_receive_maximum_is_kept(receive_maximum: int | None, *, persistent: bool, kept: bool):
    assert replace(OPTIONS, receive_maximum=receive_maximum, persistent=persistent).keeps_session is kept
