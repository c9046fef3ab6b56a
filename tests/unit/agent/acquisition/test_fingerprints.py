from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import Packet
from drsn.agent.acquisition.continuity import Continuity
from drsn.agent.acquisition.fingerprints import FIRST_PACKETS, KEPT, Fingerprints
from drsn.agent.acquisition.notice import Notices
from drsn.agent.acquisition.sensor_stream import SensorStream, StreamOptions
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle

CONTRACT = open_bundle(shipped("synthetic")).contract
WINDOW, RATE_HZ = CONTRACT.window, CONTRACT.sample_rate_hz


def packet(content: int, seq: int | None, boot_id: int = 7, **fields: object) -> Packet:
    return Packet(np.full((1, WINDOW), content, np.float32), seq=seq, boot_id=boot_id, **fields)


class Sensor:
    """A stream; each packet is one whole window."""

    def __init__(self) -> None:
        self.stream = SensorStream("a", CONTRACT, StreamOptions(), notices=Notices())

    def send(self, each: Packet) -> Continuity:
        continuity = self.stream.continuity_of(each, RATE_HZ)
        if continuity is not Continuity.DUPLICATE:
            self.stream.push(each, RATE_HZ, continuity, 0, lambda _sensor, _window: None)
        return continuity


@pytest.mark.promise(
    "A sensor that starts its count again with its old `boot_id` is read at once. A redelivery is a repetition.",
    where="acquisition/fingerprints, acquisition/sensor_stream",
    topic="packets",
)
@pytest.mark.parametrize("boot_id", [0, 7])
@pytest.mark.parametrize("before", [1, 5, 200, 2000])
def test_a_sensor_that_counts_anew_with_its_boot_id_and_no_t0_is_read_at_once(before: int, boot_id: int) -> None:
    sensor = Sensor()
    for seq in range(before):
        sensor.send(packet(seq, seq, boot_id))
    found = [sensor.send(packet(before + seq, seq, boot_id)) for seq in range(before)]
    expected = Continuity.APART if before == 1 else Continuity.RESTART
    assert found == [expected, *[Continuity.TOUCHES] * (before - 1)]


def test_a_sensor_that_sends_one_seq_for_ever_is_read() -> None:
    sensor = Sensor()
    assert [sensor.send(packet(content, 0)) for content in range(5)] == [Continuity.FIRST, *[Continuity.APART] * 4]
    assert sensor.send(packet(4, 0)) is Continuity.DUPLICATE, "the last one again"
    assert sensor.send(packet(2, 0)) is Continuity.DUPLICATE, "an earlier one again"


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=5), data=st.data())
def test_a_redelivery_stays_a_repetition_across_counts(counts: list[int], data: st.DataObject) -> None:
    """Whatever was sent before may come again: of this count any packet, of earlier ones those not ahead of it."""
    sensor, sent = Sensor(), list[list[Packet]]()
    for count in counts:
        first = sum(map(len, sent))
        sent.append([packet(first + seq, seq) for seq in range(count)])
        for each in sent[-1]:
            assert sensor.send(each) is not Continuity.DUPLICATE
        ahead = len(sent[-1]) - 1
        again = [each for one in sent for each in one if one is sent[-1] or each.seq is None or each.seq <= ahead]
        for each in data.draw(st.lists(st.sampled_from(again), max_size=5)):
            assert sensor.send(each) is Continuity.DUPLICATE


def test_it_keeps_the_first_packets_only() -> None:
    prints = Fingerprints()
    for seq in range(3 * FIRST_PACKETS):
        assert prints.wanted == (seq < FIRST_PACKETS)
        prints.add(packet(seq, seq), restarts=seq == 0)
    assert prints.differ(packet(99, FIRST_PACKETS - 1))
    assert not prints.differ(packet(99, FIRST_PACKETS))
    assert not prints.differ(packet(99, 0, boot_id=8))
    assert not prints.differ(packet(99, None))


def test_what_is_kept_of_earlier_counts_is_bounded() -> None:
    prints = Fingerprints()
    for content in range(KEPT + 10):
        prints.add(packet(content, 0), restarts=True)
    assert not prints.differ(packet(10, 0))
    assert prints.differ(packet(9, 0))
