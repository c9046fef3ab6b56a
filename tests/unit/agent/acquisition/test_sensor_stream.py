from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import Packet, PacketError, Reason
from drsn.agent.acquisition.continuity import Continuity, Cursor
from drsn.agent.acquisition.notice import WARNING, Notices
from drsn.agent.acquisition.sensor_stream import MAX_REPEATS, SensorStream, StreamOptions, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.model.contract import ModelContract

RATE_HZ = 12_000.0
ARRIVAL = 1_767_225_600_000_000_000
SECOND = 1_000_000_000


class Seen(NamedTuple):
    """A window: its first sample and length (the samples are a ramp), and what came with it."""

    first: int
    length: int
    fresh: bool
    end_unix_ns: int


class Sensor:
    """A stream and its notices; its packets are cut from a ramp."""

    def __init__(self, contract: ModelContract, **options: Any) -> None:  # noqa: ANN401
        self.notices = Notices()
        cursor = options.pop("cursor", None)
        options = {"bridged_windows": 0.0, **options}
        self.stream = SensorStream("press4", contract, StreamOptions(**options), notices=self.notices, cursor=cursor)

    def send(self, start: int, n_samples: int, rate_hz: float = RATE_HZ, **fields: object) -> list[Seen]:
        packet = Packet(np.arange(start, start + n_samples, dtype=np.float32)[None], **fields)
        continuity = self.stream.continuity_of(packet, rate_hz)
        if continuity is Continuity.DUPLICATE:
            return []
        windows = []
        for window in self.push(packet, continuity, rate_hz):
            first, length = int(window.samples[0, 0]), window.samples.shape[1]
            assert window.samples[0].tolist() == list(range(first, first + length))
            windows.append(Seen(first, length, window.fresh, window.end_unix_ns))
        return windows

    def push(self, packet: Packet, continuity: Continuity, rate_hz: float = RATE_HZ) -> list[Window]:
        """The windows, each with a copy of its samples."""
        windows: list[Window] = []
        cursor = self.stream.push(
            packet,
            rate_hz,
            continuity,
            ARRIVAL,
            lambda _sensor, w: windows.append(replace(w, samples=w.samples.copy())),
        )
        assert cursor == self.stream.cursor
        return windows


def test_a_window_has_the_fields_of_its_packets(contract: ModelContract):
    sensor = Sensor(contract, hop_windows=0.5, continuous=True)
    windows = []
    for index in range(8):
        packet = Packet(np.zeros((1, 128), np.float32), rpm=100.0 + index, clipped=index == 2)
        windows += sensor.push(packet, Continuity.TOUCHES if index else Continuity.FIRST)
    assert [window.rpm for window in windows] == [101, 102, 103, 104, 105, 106, 107]
    assert [window.clipped for window in windows] == [False, True, True, False, False, False, False]
    assert {window.advance for window in windows} == {128}


def test_a_window_after_a_gap_holds_no_clipped_samples_of_before(contract: ModelContract):
    sensor = Sensor(contract, continuous=True)
    windows = []
    for index, continuity in enumerate((Continuity.FIRST, Continuity.GAP, Continuity.TOUCHES)):
        packet = Packet(np.zeros((1, 128), np.float32), clipped=index == 0)
        windows += sensor.push(packet, continuity)
    assert [window.clipped for window in windows] == [False]


def test_a_sensor_that_samples_slower_than_it_declares_is_detected(contract: ModelContract):
    sensor = Sensor(contract)
    errors = []
    for index in range(400):
        packet = Packet(
            np.zeros((1, 512), np.float32), t0_unix_ns=ARRIVAL + round(index * 512 / 11_500 * 1e9), seq=index
        )
        continuity = sensor.stream.continuity_of(packet, RATE_HZ)
        errors += [window.rate_error for window in sensor.push(packet, continuity)]
    assert errors[0] == 0
    assert errors[-1] == pytest.approx(11_500 / 12_000 - 1, abs=1e-4)


@pytest.fixture
def sensor(contract: ModelContract) -> Sensor:
    return Sensor(contract)


def firsts(windows: list[Seen]) -> list[int]:
    return [window.first for window in windows]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # a contract is frozen
@given(cuts=st.lists(st.integers(1, 700), min_size=1, max_size=8), hop=st.sampled_from([1.0, 0.5, 0.25]))
def test_where_a_stream_is_cut_into_packets_changes_nothing(cuts: list[int], hop: float, contract: ModelContract):
    sensor, whole = (Sensor(contract, hop_windows=hop) for _ in range(2))
    windows = [w for seq, n in enumerate(cuts) for w in sensor.send(sum(cuts[:seq]), n, seq=seq)]
    assert firsts(windows) == firsts(whole.send(0, sum(cuts)))
    assert not any(window.fresh for window in windows)
    assert sensor.stream.progress.lost_samples == 0


@dataclass
class Model:
    """A stream as lists: slow, and without a ring. It keeps all samples since the last that touches nothing."""

    hop: int
    length: int = 256
    samples: list[float] = field(default_factory=list)
    marked: list[bool] = field(default_factory=list)
    """Sample -> the device reported clipping in its packet."""
    windows: int = 0
    fresh: bool = False

    def send(self, packet: Packet, continuity: Continuity, end_unix_ns: int) -> list[tuple[object, ...]]:
        if continuity is not Continuity.TOUCHES:
            self.samples, self.marked, self.windows = [], [], 0
        self.fresh |= continuity in (Continuity.GAP, Continuity.RESTART)
        self.samples += packet.samples[0].tolist()
        self.marked += [packet.clipped] * packet.samples.shape[1]
        found = []
        while (end := self.windows * self.hop + self.length) <= len(self.samples):
            start, self.windows = end - self.length, self.windows + 1
            after_ns = round((len(self.samples) - end) * 1e9 / RATE_HZ)
            joined = self.windows > 1
            clipped = any(self.marked[start:end])
            found.append((self.samples[start:end], end_unix_ns - after_ns, self.fresh, clipped, joined))
            self.fresh = False
        return found

    @property
    def waiting(self) -> int:
        """Samples that no window has held yet."""
        held = (self.windows - 1) * self.hop + self.length if self.windows else 0
        return len(self.samples) - held


SIZES = st.one_of(st.sampled_from([256, 256, 256, 512, 128, 64]), st.integers(1, 700))
JOINS = st.sampled_from([1, 1, 1, 1, 2, -40, None])
"""How much `seq` rises; None: there is none."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # a contract is frozen
@given(
    packets=st.lists(st.tuples(SIZES, JOINS, st.booleans(), st.booleans()), min_size=1, max_size=12),
    hop=st.sampled_from([1.0, 1.0, 0.5, 0.25, 0.7]),
    continuous=st.booleans(),
)
def test_it_equals_a_model_for_any_packets(packets, hop: float, continuous: bool, contract: ModelContract):  # noqa: FBT001
    """Whole windows, which are views of their packet, and all that waits in the ring."""
    sensor, model = Sensor(contract, hop_windows=hop, continuous=continuous), Model(round(256 * hop))
    seq, start, lost = 1000, 0, 0
    for size, rise, clipped, dated in packets:
        seq += rise or 0
        samples = np.arange(start, start + size, dtype=np.float32)[None]
        t0_unix_ns = ARRIVAL + round(start * 1e9 / RATE_HZ) if dated else None
        packet = Packet(samples, t0_unix_ns, RATE_HZ, None if rise is None else seq, 7, clipped=clipped)
        start += size
        continuity = sensor.stream.continuity_of(packet, RATE_HZ)
        if continuity is Continuity.DUPLICATE:
            continue
        lost += 0 if continuity is Continuity.TOUCHES else model.waiting
        windows = sensor.push(packet, continuity)
        expected = model.send(packet, continuity, sensor.stream.cursor.end_unix_ns or ARRIVAL)
        assert [(w.samples[0].tolist(), w.end_unix_ns, w.fresh, w.clipped, w.joined) for w in windows] == expected
        assert {w.advance for w in windows} <= {round(256 * hop)}
        assert (sensor.stream.progress.lost_samples, sensor.stream.cursor.fresh) == (lost, model.fresh)


def test_a_sensor_of_whole_windows_needs_no_memory(contract: ModelContract):
    sensor = Sensor(contract)
    for seq in range(3):
        assert len(sensor.send(512 * seq, 512, seq=seq)) == 2
    assert sensor.stream.ring_bytes == 0
    sensor.send(1536, 100, seq=3)
    assert sensor.stream.ring_bytes == 8 * 256


def test_windows_follow_by_the_hop(contract: ModelContract):
    assert firsts(Sensor(contract, hop_windows=0.5).send(0, 600)) == [0, 128, 256]
    assert firsts(Sensor(contract).send(0, 600)) == [0, 256]


def test_seq_or_t0_join_packets(sensor: Sensor):
    assert not sensor.send(0, 120, seq=1)
    assert not sensor.send(120, 120, seq=2, t0_unix_ns=SECOND)
    assert firsts(sensor.send(240, 120, t0_unix_ns=SECOND + 10_000_000)) == [0]


def test_packets_without_proof_are_joined_only_if_continuous(contract: ModelContract):
    strict, continuous = Sensor(contract), Sensor(contract, continuous=True)
    for start in (0, 128):
        alone, joined = strict.send(start, 128), continuous.send(start, 128)
    assert alone == []
    assert strict.stream.progress.lost_samples == 128
    assert firsts(joined) == [0]


def test_single_windows_with_pauses_lose_nothing_and_vote_together(sensor: Sensor):
    windows = [w for i in range(4) for w in sensor.send(256 * i, 256, seq=i, t0_unix_ns=(i + 1) * 60 * SECOND)]
    assert firsts(windows) == [0, 256, 512, 768]
    assert not any(window.fresh for window in windows)
    assert sensor.stream.progress.lost_samples == 0


@pytest.mark.parametrize("after", [{"seq": 9, "boot_id": 1}, {"seq": 0, "boot_id": 2}], ids=["gap", "restart"])
def test_a_gap_or_a_restart_begins_a_new_window_whose_vote_is_fresh(sensor: Sensor, after: dict[str, int]):
    sensor.send(0, 300, seq=1, boot_id=1)
    windows = sensor.send(1000, 600, **after)
    assert [(w.first, w.fresh) for w in windows] == [(1000, True), (1256, False)]
    assert sensor.stream.progress.lost_samples == 44


def test_a_fresh_vote_waits_for_its_window(sensor: Sensor):
    sensor.send(0, 256, seq=1)
    assert not sensor.send(1000, 200, seq=5)
    assert [w.fresh for w in sensor.send(1200, 56, seq=6)] == [True]


def test_a_change_of_rate_is_a_gap(sensor: Sensor):
    sensor.send(0, 300, seq=1)
    windows = sensor.send(300, 1100, 48_000.0, seq=2)
    assert [(w.first, w.length, w.fresh) for w in windows] == [(300, 1024, True)]  # as long as 256 at 12 kHz
    assert sensor.stream.progress.lost_samples == 44


def test_a_repeated_packet_is_not_read_again(sensor: Sensor):
    sensor.send(0, 200, seq=1)
    assert not sensor.send(0, 200, seq=1)
    assert not sensor.send(0, 200, 48_000.0, seq=1)
    assert firsts(sensor.send(200, 56, seq=2)) == [0]


def test_a_window_ends_by_the_sensors_clock(sensor: Sensor):
    windows = sensor.send(0, 600, t0_unix_ns=5 * SECOND)
    assert [w.end_unix_ns for w in windows] == [5 * SECOND + 21_333_333, 5 * SECOND + 42_666_667]


def test_without_a_clock_a_window_ends_by_its_packets_arrival(sensor: Sensor):
    windows = sensor.send(0, 512)
    assert [w.end_unix_ns for w in windows] == [ARRIVAL - 21_333_333, ARRIVAL]


def test_it_continues_where_an_earlier_run_stopped(contract: ModelContract):
    sensor = Sensor(contract, cursor=Cursor(boot_id=1, seq=41))
    assert not sensor.send(0, 256, seq=41, boot_id=1)
    assert [w.fresh for w in sensor.send(0, 256, seq=42, boot_id=1)] == [False]
    assert sensor.stream.cursor == Cursor(boot_id=1, seq=42, sample_rate_hz=RATE_HZ, touched=True)


def test_a_change_of_rate_and_an_unreported_gap_survive_a_restart_of_the_agent(contract: ModelContract):
    before = Cursor(boot_id=1, seq=41, sample_rate_hz=2 * RATE_HZ)
    assert [w.fresh for w in Sensor(contract, cursor=before).send(0, 256, seq=42, boot_id=1)] == [True]
    first = Sensor(contract, cursor=Cursor(boot_id=1, seq=41))
    assert not first.send(0, 100, seq=50, boot_id=1)
    second = Sensor(contract, cursor=first.stream.cursor)
    assert [w.fresh for w in second.send(0, 256, seq=51, boot_id=1)] == [True]


@pytest.mark.parametrize(
    ("channels", "rate_hz", "reason"),
    [(2, RATE_HZ, Reason.WRONG_CHANNELS), (1, 10_599.0, Reason.WRONG_RATE), (1, 1_000_001.0, Reason.WRONG_RATE)],
)
def test_a_packet_that_does_not_fit_the_model_is_refused(
    channels: int, rate_hz: float, reason: Reason, sensor: Sensor, make_packet: Callable[..., Packet]
):
    with pytest.raises(PacketError) as refusal:
        sensor.stream.continuity_of(make_packet(256, channels=channels), rate_hz)
    assert refusal.value.reason is reason


@pytest.mark.parametrize("rounded_ns", [1, 1_000_000], ids=["to the ns", "to the ms"])
@pytest.mark.parametrize("real_rate", [RATE_HZ, 1.004 * RATE_HZ], ids=["nominal", "0.4 % off"])
def test_a_clock_that_is_rounded_or_drifts_does_not_contradict_consecutive_seqs(
    contract: ModelContract, rounded_ns: int, real_rate: float
):
    sensor, windows = Sensor(contract), []
    for seq in range(100):
        t0 = round(seq * 64 * 1e9 / real_rate) // rounded_ns * rounded_ns + ARRIVAL
        windows += sensor.send(64 * seq, 64, seq=seq, boot_id=1, t0_unix_ns=t0)
    assert len(windows) == 25
    assert not any(window.fresh for window in windows)


def test_a_rate_that_is_measured_again_for_each_packet_is_one_rate(contract: ModelContract):
    sensor = Sensor(contract)
    windows = [w for seq in range(8) for w in sensor.send(128 * seq, 128, RATE_HZ + seq, seq=seq)]
    assert [w.fresh for w in windows] == [False] * 4
    assert [w.fresh for w in sensor.send(0, 512, 2 * RATE_HZ, seq=8)] == [True]


def test_a_sensor_whose_seq_stands_still_counts_as_restarted_after_a_while(contract: ModelContract):
    sensor = Sensor(contract)
    assert sensor.send(0, 256, seq=5, boot_id=1)
    found = [bool(sensor.send(0, 256, seq=5, boot_id=1)) for _ in range(MAX_REPEATS + 1)]
    assert found == [False] * MAX_REPEATS + [True]
    (notice,) = sensor.notices.take()
    assert (notice.level, notice.key) == (WARNING, ("repeats", "press4"))
    assert notice.fields == {"sensor": "press4", "seq": 5, "boot_id": 1}


def test_packets_that_never_join_to_a_window_are_wasted(contract: ModelContract):
    sensor = Sensor(contract)
    found = []
    for _ in range(100):
        assert not sensor.send(0, 100)  # nothing proves that they touch
        found.append(sensor.stream.progress.wasted)
    assert found.index(True) == 21, "the 100 samples before each packet are lost: 2,100 are more than 8 windows"
    assert all(found[21:])
    assert sensor.stream.progress.lost_by == "no_window"


def test_a_rate_with_too_long_a_window_is_refused(contract: ModelContract):
    """Where a window is one minute of a slow shaft, 1 MHz is 60 million samples."""
    slow = contract.model_copy(update={"window": 4096, "sample_rate_hz": 1000.0, "bandwidth_hz": 400.0})
    stream = Sensor(slow).stream
    packet = Packet(np.zeros((1, 1), np.float32))
    assert stream.continuity_of(packet, 1_000_000.0) is Continuity.FIRST
    stream = Sensor(slow.model_copy(update={"window": 4196})).stream
    with pytest.raises(PacketError, match=r"wrong_rate: at 1e\+06 Hz a window has more than 4194304 samples"):
        stream.continuity_of(packet, 1_000_000.0)


def test_a_stream_without_its_ring_counts_the_lost_samples_and_goes_on(contract: ModelContract):
    sensor = Sensor(contract)
    assert sensor.stream.evict_ring() == 0
    sensor.send(0, 100, seq=1, clipped=True)
    assert (sensor.stream.ring_bytes, sensor.stream.evict_ring()) == (8 * 256, 100)
    assert (sensor.stream.ring_bytes, sensor.stream.progress.lost_samples) == (0, 100)
    assert sensor.send(100, 256, seq=2) == [(100, 256, False, ARRIVAL)]
    (window,) = sensor.push(Packet(np.zeros((1, 256), np.float32)), Continuity.TOUCHES)
    assert not window.clipped, "the clipped samples are gone"


@pytest.mark.parametrize(("lost", "fresh"), [(1, False), (4, False), (5, True)])
def test_a_gap_of_a_window_at_most_discards_what_waits_and_no_votes(lost: int, fresh: bool, contract: ModelContract):  # noqa: FBT001
    """Packets of 64 samples, windows of 256: what waited is lost, and the next window votes with the last."""
    sensor, packets = Sensor(contract, bridged_windows=1.0), [*range(6), *range(6 + lost, 10 + lost)]
    windows = [window for seq in packets for window in sensor.send(64 * seq, 64, seq=seq)]
    assert [(each.first, each.fresh) for each in windows] == [(0, False), (64 * (6 + lost), fresh)]
    assert sensor.stream.progress.lost_samples == 128


@pytest.mark.parametrize(("bridged", "fresh"), [(0.0, True), (1.0, False)])
def test_a_gap_of_time_is_as_long_as_the_clock_says(bridged: float, fresh: bool, contract: ModelContract):  # noqa: FBT001
    sensor, packet_ns = Sensor(contract, bridged_windows=bridged), round(256e9 / RATE_HZ)
    for at in (0, 1):
        sensor.send(256 * at, 256, t0_unix_ns=ARRIVAL + at * packet_ns)
    (window,) = sensor.send(512, 256, t0_unix_ns=ARRIVAL + round(2.9 * packet_ns))
    assert window.fresh is fresh
    sensor.send(768, 256, t0_unix_ns=ARRIVAL + round(3.9 * packet_ns))
    (window,) = sensor.send(1024, 256, t0_unix_ns=ARRIVAL + round(6.9 * packet_ns))
    assert window.fresh, "two windows are missing"


def test_a_restart_and_another_rate_reset_the_votes_however_short_they_are(contract: ModelContract):
    sensor = Sensor(contract, bridged_windows=100.0)
    sensor.send(0, 256, seq=1, boot_id=1)
    (window,) = sensor.send(256, 256, seq=1, boot_id=2)
    assert window.fresh
    windows = sensor.send(512, 1024, rate_hz=2 * RATE_HZ, seq=2, boot_id=2)
    assert windows[0].fresh
