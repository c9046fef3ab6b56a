from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.encoding_watch import EncodingWatch
from drsn.agent.acquisition.notice import Notices
from drsn.agent.acquisition.router import Input
from drsn.agent.mqtt.topics import TopicPattern

if TYPE_CHECKING:
    from collections.abc import Callable

RATE_HZ = 12_000.0


@pytest.fixture
def entry() -> Input:
    form = PayloadFormat(dtype="i16")
    return Input(TopicPattern("raw/{s}", "{s}"), "raw", form, RATE_HZ, (), 1.0, continuous=False, max_packet_bytes=9999)


@pytest.fixture
def notices() -> Notices:
    return Notices()


@pytest.fixture
def watch(notices: Notices) -> EncodingWatch:
    return EncodingWatch(notices, 2)


@pytest.fixture
def look(watch: EncodingWatch, entry: Input) -> Callable[..., bool]:
    """Give one packet to the watch as the intake does; return whether it was looked at."""

    def send(data: bytes, now_s: float = 0.0, sensor: str = "a") -> bool:
        if watch.due.get(sensor):
            watch.due[sensor] -= 1
            return False
        packet = Packet(np.zeros((1, len(data) // 2), np.float32), encoded=data)
        watch.look(entry, sensor, packet, RATE_HZ, now_s)
        return True

    return send


def tone(order: str, count: int = 2048) -> bytes:
    at = np.arange(count)
    noise = np.random.default_rng(0).standard_normal(count)
    return (3000 * np.sin(at / 9) + 300 * noise).astype(f"{order}i2").tobytes()


def test_a_wrong_reading_is_refused_as_long_as_it_comes(look: Callable[..., bool], notices: Notices):
    for _ in range(3):
        with pytest.raises(PacketError, match="set byte_order = 'big'") as refusal:
            look(tone(">"))
        assert refusal.value.reason is Reason.WRONG_ENCODING
    assert look(tone("<"))
    assert not notices.take()


def test_later_it_is_a_notice_for_the_sensor_is_known(look: Callable[..., bool], notices: Notices):
    looked = [look(tone("<")) for _ in range(9)]
    assert looked == [True, False, True, False, False, True, False, False, False]
    while not look(tone(">")):
        pass
    (notice,) = notices.take()
    assert notice.fields["sensor"] == "a"
    assert "set byte_order = 'big'" in str(notice.fields["doubt"])


def test_small_packets_are_gathered(look: Callable[..., bool]):
    data = tone(">")
    pieces = [data[at : at + 128] for at in range(0, len(data), 128)]
    assert all(look(piece) for piece in pieces[:15])
    with pytest.raises(PacketError, match="set byte_order = 'big'"):
        look(pieces[15])


def test_more_samples_than_the_rate_promises_are_a_doubt(look: Callable[..., bool], notices: Notices):
    second = tone("<", 12_000)
    for packet in range(200):
        look(second, now_s=packet / 2.0)
    (notice,) = notices.take()
    assert "samples/s arrive at 12000 Hz: correct dtype, channels or sample_rate_hz" in str(notice.fields["doubt"])


def test_a_sensor_that_pauses_is_no_doubt(look: Callable[..., bool], notices: Notices):
    for packet in range(200):
        look(tone("<"), now_s=packet * 60.0)
    assert not notices.take()


def test_a_flood_of_sensors_does_not_fill_the_memory(look: Callable[..., bool], watch: EncodingWatch):
    for number in range(100):
        look(tone("<", 64), sensor=f"s{number}")
        assert len(watch._looks) <= 2
    watch.forget("s99")
    assert "s99" not in watch._looks
