"""Streams are real ones, with windows of 256 samples; the sweeps are a second apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import Packet, Reason
from drsn.agent.acquisition.continuity import Continuity
from drsn.agent.acquisition.not_watched import REASONS, NotWatched
from drsn.agent.acquisition.notice import Notices
from drsn.agent.acquisition.sensor_stream import STANDS_STILL, SensorStream, StreamOptions
from drsn.agent.acquisition.source_watch import KEPT_S, REFUSED_IN_A_ROW, Needs, SourceWatch

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

WINDOW, RATE_HZ = 256, 12_000.0
NEEDED, QUIET_S = 6, 30.0


@dataclass
class Watched:
    """A watch, its streams and a clock."""

    contract: ModelContract
    watch: SourceWatch = field(default_factory=lambda: SourceWatch(needs=lambda _name: Needs(NEEDED, QUIET_S)))
    streams: dict[str, SensorStream] = field(default_factory=dict)
    now_s: float = 0.0

    def send(self, sensor: str, samples: int = WINDOW, **fields: Any) -> None:  # noqa: ANN401 (of a packet)
        stream = self.streams.get(sensor)
        if stream is None:
            stream = self.streams[sensor] = SensorStream(
                sensor, self.contract, StreamOptions(bridged_windows=0), notices=Notices()
            )
        packet = Packet(np.zeros((1, samples), np.float32), **fields)
        continuity = stream.continuity_of(packet, RATE_HZ)
        if continuity is not Continuity.DUPLICATE:
            stream.push(packet, RATE_HZ, continuity, 0, lambda _sensor, _window: None)

    def refuse(self, source: str, reason: Reason = Reason.BAD_DOCUMENT) -> None:
        self.watch.refuse([source], reason, self.unix_ns)

    def sweep(self, seconds: float = 1.0, *, connected: bool = True) -> None:
        while seconds > 0:
            self.now_s += min(1.0, seconds)
            self.watch.sweep(self.streams, self.now_s, self.unix_ns, connected=connected)
            seconds -= 1.0

    def reason(self, source: str) -> str | None:
        found = self.watch.of(source, self.unix_ns)
        assert (found in self.watch.not_watched()) == (found is not None)
        return found and found.reason

    @property
    def unix_ns(self) -> int:
        return round(self.now_s * 1e9)


@pytest.fixture
def plant(contract: ModelContract) -> Watched:
    plant = Watched(contract)
    plant.sweep()
    return plant


def test_a_sensor_whose_windows_come_is_watched(plant: Watched) -> None:
    for seq in range(100):
        plant.send("a", seq=seq)
        plant.sweep(0.1)
    assert plant.reason("a") is None
    assert (plant.watch.count, plant.watch.not_watched(), plant.watch.take_changed()) == (0, (), [])


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Reason.ILLEGAL_SENSOR, "illegal_id"),
        (Reason.TOO_MANY_SENSORS, "max_sensors"),
        (Reason.WRONG_RATE, "wrong_rate"),
        (Reason.BAD_DOCUMENT, "undecodable"),
    ],
)
def test_a_source_of_refused_packets_is_not_watched_from_the_first_one_on(
    plant: Watched, refusal: Reason, reason: str
) -> None:
    plant.refuse("plant/a", refusal)
    assert plant.watch.not_watched() == (NotWatched("plant/a", reason, REASONS[reason], plant.unix_ns),)
    assert plant.watch.take_changed() == [("plant/a", plant.watch.not_watched()[0])]


def test_one_bad_packet_among_good_ones_changes_nothing(plant: Watched) -> None:
    for seq in range(50):
        plant.send("a", seq=seq)
        plant.refuse("a")
        plant.sweep()
    assert plant.reason("a") is None
    plant.refuse("a")
    plant.sweep()
    plant.refuse("a")
    plant.sweep()
    assert plant.reason("a") is None


def test_a_sensor_whose_packets_are_all_refused_from_now_on_is_not_watched(plant: Watched) -> None:
    plant.send("a")
    plant.sweep()
    assert plant.reason("a") is None
    for _ in range(REFUSED_IN_A_ROW):
        plant.refuse("a", Reason.BAD_CRC)
    plant.sweep()
    assert plant.reason("a") == "undecodable"
    plant.send("a")
    assert plant.reason("a") is None, "judged as soon as somebody asks"


def test_packets_that_never_make_a_window_are_not_watched_from_the_first_one_on(plant: Watched) -> None:
    plant.send("a", 100)
    plant.sweep()
    assert plant.reason("a") == "first_window"
    for _ in range(100):
        plant.send("a", 100)
        plant.sweep(0.1)
    assert plant.reason("a") == "no_window"


def test_a_sensor_that_made_windows_and_whose_packets_no_longer_join_is_not_watched(plant: Watched) -> None:
    for seq in range(20):
        plant.send("a", 100, seq=seq)
    plant.sweep()
    assert plant.reason("a") is None
    for _ in range(30):
        plant.send("a", 100)
    plant.sweep()
    assert plant.reason("a") == "no_window"


def test_a_sensor_that_sends_no_more_is_not_watched_after_a_while(plant: Watched) -> None:
    plant.send("a")
    plant.sweep(QUIET_S - 1)
    assert plant.reason("a") is None
    plant.sweep(60, connected=False)
    assert plant.reason("a") is None, "without a broker nothing can come"
    plant.sweep(5)
    assert plant.reason("a") == "no_packet"


def test_a_slow_sensor_may_miss_three_of_its_periods(contract: ModelContract) -> None:
    plant = Watched(contract, SourceWatch(needs=lambda _: Needs(NEEDED, QUIET_S), period_s={"a": 60.0}.__getitem__))
    plant.sweep()
    plant.send("a")
    plant.sweep(179)
    assert plant.reason("a") is None
    plant.sweep(5)
    assert plant.reason("a") == "no_packet"


def test_a_sensor_of_an_earlier_run_is_not_watched_until_its_first_window(contract: ModelContract) -> None:
    plant = Watched(contract, SourceWatch(["a", "b"], 5))
    assert plant.reason("a") == plant.reason("b") == "no_packet"
    assert plant.watch.not_watched()[0].since_unix_ns == 5
    plant.sweep()
    plant.send("a")
    assert plant.reason("a") is None
    plant.sweep(3 * KEPT_S)
    assert plant.reason("b") == "no_packet", "it is known until it is forgotten"
    plant.watch.forget("b")
    assert plant.reason("b") is None


@pytest.mark.parametrize(("loss", "reason"), [(0, None), (4, "gaps")])
def test_windows_that_are_too_few_in_a_row_for_an_alarm_are_not_watched(
    plant: Watched, loss: int, reason: str | None
) -> None:
    """Every fourth whole-window packet is lost: never six windows in a row."""
    for seq in range(1, 400):
        if not loss or seq % loss:
            plant.send("a", seq=seq)
        plant.sweep(0.1)
    assert plant.reason("a") == reason
    for seq in range(400, 406):
        plant.send("a", seq=seq)
        plant.sweep()
    assert plant.reason("a") is None, "six in a row"


def test_one_lost_packet_in_twenty_small_ones_leaves_too_few_windows_in_a_row(plant: Watched) -> None:
    for seq in range(1, 2001):
        if seq % 20:
            plant.send("a", 64, seq=seq)
        if seq % 10 == 0:
            plant.sweep(0.1)
    assert plant.streams["a"].progress.windows > NEEDED
    assert plant.reason("a") == "gaps"


def test_lossy_small_packets_without_a_single_window_are_gaps(plant: Watched) -> None:
    for seq in range(400):
        if seq % 3:
            plant.send("a", 100, seq=seq)
    plant.sweep()
    assert plant.reason("a") == "gaps"


def test_a_ring_that_has_no_memory_is_named(plant: Watched) -> None:
    for seq in range(40):
        plant.send("a", 100, seq=seq)
        plant.streams["a"].evict_ring()
    plant.sweep()
    assert plant.reason("a") == "memory"


def test_a_sensor_whose_count_stands_still_is_named_before_it_counts_as_restarted(plant: Watched) -> None:
    plant.send("a", seq=5, boot_id=1)
    plant.sweep()
    for _ in range(STANDS_STILL):
        plant.send("a", seq=5, boot_id=1)
    plant.sweep()
    assert plant.reason("a") is None, "a redelivery may be as long"
    plant.sweep(2)
    assert plant.reason("a") == "repeats"


def test_a_reason_may_change_and_the_time_stays(plant: Watched) -> None:
    plant.refuse("a", Reason.BAD_CRC)
    plant.sweep(10)
    plant.refuse("a", Reason.WRONG_RATE)
    (found,) = plant.watch.not_watched()
    assert (found.reason, found.since_unix_ns) == ("wrong_rate", 1_000_000_000)
    assert [name for name, _ in plant.watch.take_changed()] == ["a"]


def test_a_state_from_outside_holds_until_the_next_window(plant: Watched) -> None:
    plant.send("a")
    plant.sweep()
    plant.watch.note("a", "other_agent", plant.unix_ns)
    plant.watch.note("gone", "epoch", plant.unix_ns)
    plant.sweep(3)
    assert (plant.reason("a"), plant.reason("gone")) == ("other_agent", "epoch")
    plant.send("a")
    plant.send("gone")
    plant.sweep()
    assert (plant.reason("a"), plant.reason("gone")) == (None, None)


def test_a_flood_of_sources_is_held_to_a_limit_and_counted(contract: ModelContract) -> None:
    plant = Watched(contract, SourceWatch(max_sources=10))
    plant.sweep()
    for _ in range(2):
        for name in range(50):
            plant.refuse(f"plant/{name}/ü" + "x" * 70_000, Reason.ILLEGAL_SENSOR)
    assert (len(plant.watch.not_watched()), plant.watch.count) == (10, 50)
    assert all(len(each.source) <= 200 for each in plant.watch.not_watched())
    plant.sweep(KEPT_S + 2)
    assert plant.watch.count == 0, "none of them sent for an hour"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["window", "part", "lossy", "refused", "pause", "forget"])),
        max_size=40,
    )
)
def test_a_source_is_watched_only_if_a_window_came_lately(
    steps: list[tuple[str, str]], contract: ModelContract
) -> None:
    """The law: what sent something within the hour is watched or listed; watched means a window within `QUIET_S`."""
    plant = Watched(contract)
    plant.sweep()
    seq, sent, window_s = 0, dict[str, float](), dict[str, float]()
    for sensor, what in steps:
        seq += 2 if what == "lossy" else 1
        if what == "pause":
            plant.sweep(20)
        elif what == "forget":
            plant.watch.forget(sensor)
            plant.streams.pop(sensor, None)
            sent.pop(sensor, None)
            window_s.pop(sensor, None)
            continue
        elif what == "refused":
            plant.refuse(sensor)
        else:
            before = plant.streams[sensor].progress.windows if sensor in plant.streams else 0
            plant.send(sensor, 100 if what == "part" else WINDOW, seq=seq)
            if plant.streams[sensor].progress.windows != before:
                window_s[sensor] = plant.now_s
        if what != "pause":
            sent[sensor] = plant.now_s
        plant.sweep()
        listed = {each.source for each in plant.watch.not_watched()}
        assert listed <= set(sent), "nothing is listed that never sent"
        for name in sent:
            if name not in listed:
                assert plant.now_s - window_s.get(name, -1e9) <= QUIET_S + 1
