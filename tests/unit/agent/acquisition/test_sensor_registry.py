from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.continuity import Continuity, Cursor
from drsn.agent.acquisition.notice import WARNING, Notices
from drsn.agent.acquisition.router import Input
from drsn.agent.acquisition.sensor_quota import EVICT_EVERY_S, TRIAL_S
from drsn.agent.acquisition.sensor_registry import SensorRegistry
from drsn.agent.mqtt.topics import TopicPattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.model.contract import ModelContract

RATE_HZ = 12_000.0
FAST_HZ = 20 * RATE_HZ
"""A window at this rate has 5,120 samples, its ring 41 kB."""
FAST_RING_BYTES = 8 * 5120

ENTRY = Input(TopicPattern("raw/{s}", "{s}"), "raw", PayloadFormat(), None, (), 1.0, False, 1 << 20)


class Registry:
    """A registry without spare memory for rings, and packets for its streams."""

    def __init__(self, contract: ModelContract, max_sensors: int = 4, known: Iterable[str] = ()) -> None:
        self.notices = Notices()
        self.registry = SensorRegistry(contract, max_sensors, {}, known, 0, self.notices)

    def send(self, sensor: str, n_samples: int, seq: int = 1, *, rate_hz: float = RATE_HZ, now_s: float = 0.0) -> int:
        """Push one packet; how many windows it completed."""
        packet = Packet(np.arange(n_samples, dtype=np.float32)[None], seq=seq)
        (stream,) = self.registry.streams_of(ENTRY, [sensor], now_s)
        continuity = stream.continuity_of(packet, rate_hz)
        self.registry.add(stream, now_s)
        windows: list[object] = []
        stream.push(packet, rate_hz, continuity, 0, lambda _sensor, window: windows.append(window))
        if windows:
            self.registry.confirm(sensor)
        self.registry.account_memory(stream)
        return len(windows)

    def reserved(self, sensors: str) -> list[int]:
        return [self.registry.memory.reserved(sensor) for sensor in sensors]


@pytest.fixture
def small(contract: ModelContract) -> Registry:
    """Memory for four rings at five times the bundle's rate, which is one ring at twenty times."""
    return Registry(contract)


def test_a_new_stream_is_not_kept_before_it_is_added(contract: ModelContract):
    registry = Registry(contract, max_sensors=1).registry
    registry.streams_of(ENTRY, ["a"], 0.0)
    assert len(registry) == 0
    (stream,) = registry.streams_of(ENTRY, ["b"], 0.0)
    registry.add(stream, 0.0)
    assert registry.streams_of(ENTRY, ["b"], 0.0) == [stream]
    with pytest.raises(
        PacketError, match=r"too_many_sensors: agent\.max_sensors = 1 is reached; sensor 'a' is refused"
    ) as refusal:
        registry.streams_of(ENTRY, ["a"], 0.0)
    assert refusal.value.reason is Reason.TOO_MANY_SENSORS


def test_a_sensor_without_a_whole_window_in_time_gives_its_place_to_another(contract: ModelContract):
    plant = Registry(contract, max_sensors=2)
    plant.send("a", 256)
    plant.send("b", 100)
    with pytest.raises(PacketError):
        plant.send("c", 256, now_s=TRIAL_S - 1)
    assert plant.notices.take() == []
    assert plant.send("c", 256, now_s=TRIAL_S + EVICT_EVERY_S) == 1
    (notice,) = plant.notices.take()
    assert (notice.level, notice.fields) == (WARNING, {"sensor": "b"})
    assert notice.event == "sensor removed: it sent no whole window in time"
    assert len(plant.registry) == 2, "its stream is removed too"


def test_a_known_sensor_keeps_its_place_without_sending(contract: ModelContract):
    plant = Registry(contract, max_sensors=1, known=["a"])
    with pytest.raises(PacketError):
        plant.send("b", 256, now_s=10 * TRIAL_S)
    assert plant.send("a", 256) == 1


def test_streams_continue_from_the_cursors_of_an_earlier_run(contract: ModelContract):
    registry = SensorRegistry(contract, 4, {"a": Cursor(boot_id=7, seq=5)}, (), 0, Notices())
    (stream,) = registry.streams_of(ENTRY, ["a"], 0.0)
    again = Packet(np.zeros((1, 256), np.float32), boot_id=7, seq=5)
    assert stream.continuity_of(again, RATE_HZ) is Continuity.DUPLICATE
    registry.rewind({"a": Cursor(boot_id=7, seq=4)})
    (stream,) = registry.streams_of(ENTRY, ["a"], 0.0)
    assert stream.continuity_of(again, RATE_HZ) is Continuity.TOUCHES
    registry.forget("a")
    (stream,) = registry.streams_of(ENTRY, ["a"], 0.0)
    assert stream.continuity_of(again, RATE_HZ) is Continuity.FIRST


def test_lost_samples_are_counted_when_their_stream_is_removed(contract: ModelContract):
    plant = Registry(contract)
    plant.send("a", 300, seq=1)
    plant.send("a", 300, seq=3)
    assert plant.registry.lost_samples == 44
    plant.registry.forget("a")
    assert plant.registry.lost_samples == 44
    plant.send("b", 300, seq=1)
    plant.send("b", 300, seq=3)
    plant.registry.rewind({})
    assert (plant.registry.lost_samples, len(plant.registry)) == (88, 0)


def test_the_memory_limit_follows_the_number_of_sensors_above_the_least(contract: ModelContract):
    per_sensor = 5 * 256 * 8
    for max_sensors, least, expected in ((10, 0, 10 * per_sensor), (10, 10**9, 10**9)):
        registry = SensorRegistry(contract, max_sensors, {}, (), least, Notices())
        assert registry.memory.most_bytes == expected


def test_the_memory_of_rings_is_bounded_whatever_rate_packets_claim(small: Registry):
    for seq in (1, 2):
        for name in "wxyz":
            small.send(name, 100, seq, rate_hz=FAST_HZ)
    assert small.reserved("wxyz") == [FAST_RING_BYTES, 0, 0, 0]
    assert small.registry.memory.used == FAST_RING_BYTES
    assert small.registry.lost_samples == 6 * 100, "the samples in the other sensors' packets are counted"


def test_without_memory_for_its_ring_a_sensor_is_diagnosed_from_whole_windows_in_a_packet(small: Registry):
    small.send("w", 100, rate_hz=FAST_HZ)
    assert small.send("x", 5120, 1, rate_hz=FAST_HZ) == 1
    assert (small.registry.lost_samples, small.notices.take()) == (0, []), "whole windows lose nothing"
    assert small.send("x", 5130, 2, rate_hz=FAST_HZ) == 1
    assert small.send("x", 5120, 3, rate_hz=FAST_HZ) == 1
    assert small.registry.lost_samples == 10
    (notice,) = small.notices.take()
    assert "no memory for incomplete windows" in notice.event
    assert "raise agent.max_sensors" in notice.event
    assert notice.fields == {"sensor": "x", "samples": 10}


def test_a_sensor_at_the_bundles_rate_takes_the_memory_of_one_that_needs_more(small: Registry):
    small.send("w", 100, rate_hz=FAST_HZ)
    assert not small.send("b", 128, 1)
    assert small.reserved("wb") == [0, 8 * 256]
    assert small.registry.lost_samples == 100
    assert small.send("b", 128, 2) == 1


def test_forget_and_rewind_release_the_memory_of_rings(small: Registry):
    small.send("w", 100, rate_hz=FAST_HZ)
    small.registry.forget("w")
    assert small.registry.memory.used == 0
    small.send("x", 100, rate_hz=FAST_HZ)
    small.registry.rewind({})
    assert small.registry.memory.used == 0
    small.send("x", 100, rate_hz=FAST_HZ)
    assert small.registry.memory.used == FAST_RING_BYTES
