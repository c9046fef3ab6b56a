from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.codecs.raw import decode, encode, properties_of

TWO = np.array([1.5, -2.5], "<f4").tobytes()


def test_bare_samples_are_enough():
    packet = decode(TWO, {}, PayloadFormat())
    assert packet.samples.tolist() == [[1.5, -2.5]]
    assert (packet.seq, packet.boot_id, packet.t0_unix_ns, packet.sample_rate_hz) == (None, 0, None, None)


def test_samples_are_decoded_by_the_payload_format():
    payload_format = PayloadFormat(dtype="i16", scale=0.5, channels=2, planar=True)
    packet = decode(np.array([2, 4, -6, -8], "<i2").tobytes(), {}, payload_format)
    assert packet.samples.tolist() == [[1, 2], [-3, -4]]


def test_user_properties_are_read():
    properties = {"seq": "4294967295", "boot_id": "7", "t0_unix_ns": "1767225600123456789", "colour": "blue"}
    packet = decode(TWO, properties, PayloadFormat())
    assert (packet.seq, packet.boot_id, packet.t0_unix_ns) == (4_294_967_295, 7, 1_767_225_600_123_456_789)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seq", ""),
        ("seq", "-1"),
        ("seq", "1.0"),
        ("seq", " 1"),
        ("seq", "1_000"),
        ("seq", "²"),
        ("seq", "٣"),
        ("seq", "4294967296"),
        ("boot_id", "0x7"),
        ("boot_id", "4294967296"),
        ("t0_unix_ns", "1767225600.5"),
        ("t0_unix_ns", "9223372036854775808"),
        ("t0_unix_ns", "9" * 5000),
    ],
)
def test_a_property_that_is_no_number_in_range_is_refused(name: str, text: str):
    with pytest.raises(PacketError, match=name) as refusal:
        decode(TWO, {name: text}, PayloadFormat())
    assert refusal.value.reason is Reason.BAD_PROPERTY
    assert len(str(refusal.value)) < 120


@pytest.mark.parametrize(("payload", "reason"), [(b"", Reason.EMPTY), (TWO[:-1], Reason.TRUNCATED)])
def test_bytes_that_do_not_fill_samples_are_refused(payload: bytes, reason: Reason):
    with pytest.raises(PacketError) as refusal:
        decode(payload, {}, PayloadFormat())
    assert refusal.value.reason is reason


def test_an_encoded_packet_is_decoded_with_its_properties():
    packet = Packet(np.arange(6, dtype=np.float32).reshape(2, 3), seq=0, boot_id=7, t0_unix_ns=9)
    again = decode(encode(packet), properties_of(packet), PayloadFormat(channels=2))
    np.testing.assert_array_equal(again.samples, packet.samples)
    assert (again.seq, again.boot_id, again.t0_unix_ns) == (0, 7, 9)
