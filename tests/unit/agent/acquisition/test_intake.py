from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.codecs import PacketError, PayloadFormat, Reason, frame, raw
from drsn.agent.acquisition.codecs import json_document as document
from drsn.agent.acquisition.continuity import Cursor
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.notice import ERROR
from drsn.agent.acquisition.router import Input
from drsn.agent.acquisition.shard import Shard, shard_of
from drsn.agent.acquisition.tachometer import Tachometer
from drsn.agent.mqtt.topics import TopicPattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.codecs import Packet
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.agent.mqtt.message import Message
    from drsn.model.contract import ModelContract

RATE_HZ = 12_000.0
SAMPLES = np.arange(256, dtype="<f4").tobytes()


def entry(topic: str, codec: str, **options: Any) -> Input:  # noqa: ANN401
    return Input(
        **{
            "pattern": TopicPattern(topic, "{s}"),
            "codec": codec,
            "payload_format": PayloadFormat(channels=len(options.get("channels", "1"))),
            "sample_rate_hz": RATE_HZ if codec == "raw" else None,
            "channels": (),
            "hop_windows": 1.0,
            "continuous": False,
            "max_packet_bytes": 4096,
            **options,
        }
    )


@dataclass
class Reader:
    """An intake, and the last packet that it received."""

    intake: Intake
    make_message: Callable[..., Message]
    in_flight: InFlight = field(init=False)

    def send(self, topic: str, payload: bytes, *, now_s: float = 0.0, **options: Any) -> list[tuple[str, list[float]]]:  # noqa: ANN401
        """Windows as (sensor, samples of the first channel)."""
        message = self.make_message(topic, payload, **options)
        self.in_flight = InFlight(message, now_s)
        windows: list[tuple[str, list[float]]] = []
        self.intake.receive(
            message, self.in_flight, lambda name, window: windows.append((name, window.samples[0].tolist()))
        )
        return windows

    def refused(self, topic: str, payload: bytes, **options: Any) -> Reason:  # noqa: ANN401
        with pytest.raises(PacketError) as refusal:
            self.send(topic, payload, **options)
        assert not self.in_flight.cursors
        return refusal.value.reason


@pytest.fixture
def reader_of(contract: ModelContract, make_message: Callable[..., Message]) -> Callable[..., Reader]:
    def make(max_sensors: int = 4, cursors: dict[str, Cursor] | None = None, **options: Any) -> Reader:  # noqa: ANN401
        inputs = (
            entry("raw/{s}", "raw"),
            entry("frame/{s}", "frame"),
            entry("json/{s}", "json"),
            entry("pair/{s}", "raw", channels=("x", "y")),
            entry("{s}/a", "raw", payload_format=PayloadFormat(scale=2.0)),
        )
        return Reader(Intake(contract, inputs, max_sensors, cursors or {}, **options), make_message)

    return make


@pytest.fixture
def reader(reader_of: Callable[..., Reader]) -> Reader:
    return reader_of()


@pytest.fixture
def framed(make_packet: Callable[..., Packet]) -> Callable[..., bytes]:
    """A frame of `n` samples of a ramp."""

    def make(n_samples: int = 256, **options: Any) -> bytes:  # noqa: ANN401
        return frame.encode(make_packet(n_samples, **{"sample_rate_hz": RATE_HZ, "seq": 1, **options}))

    return make


def test_the_first_input_that_fits_reads_a_topic(reader: Reader):
    assert [name for name, _ in reader.send("raw/a", SAMPLES)] == ["a"]
    ((name, samples),) = reader.send("x/a", SAMPLES)
    assert (name, samples[:3]) == ("x", [0, 2, 4])


def test_channels_of_one_packet_are_sensors(reader: Reader):
    both = np.stack([np.arange(256), -np.arange(256)], axis=1).astype("<f4")
    windows = dict(reader.send("pair/m", both.tobytes(), properties={"seq": "3"}))
    assert windows == {"m-x": list(range(256)), "m-y": [-n for n in range(256)]}
    assert {name: cursor.seq for name, cursor in reader.in_flight.cursors.items()} == {"m-x": 3, "m-y": 3}
    assert reader.intake.sensors == 2


@pytest.mark.parametrize(("own", "rpm"), [(None, 1500.0), (900.0, 900.0)])
def test_a_tachometer_gives_the_speed_of_the_other_channels(
    own: float | None, rpm: float, contract: ModelContract, make_message: Callable[..., Message]
):
    """A speed that the packet carries has priority. The channel of pulses is no sensor."""
    shaft = Tachometer("tacho", pulses_per_turn=4)
    paths = PayloadFormat(channels=3, channel_names=("x", "tacho", "y"))
    pulsed = entry(
        "t/{s}", "json", channels=("x", "tacho", "y"), payload_format=paths, tachometer=shaft, sample_rate_hz=RATE_HZ,
        max_packet_bytes=9999,
    )  # fmt: skip
    intake = Intake(contract, (pulsed,), 4, {})
    turns = np.arange(256) / RATE_HZ * 1500 / 60 * 4
    rows = [np.arange(256.0), 5.0 * (turns % 1 < 0.2), -np.arange(256.0)]
    document = {"seq": 1, "samples": [row.tolist() for row in rows], **({} if own is None else {"rpm": own})}
    windows: dict[str, Window] = {}
    message = make_message("t/m", json.dumps(document).encode())
    intake.receive(message, InFlight(message, 0.0), windows.__setitem__)
    assert list(windows) == ["m-x", "m-y"]
    assert [window.rpm for window in windows.values()] == [pytest.approx(rpm, rel=0.01)] * 2


BAD_FRAME = b"DRSN" + bytes(60)
REFUSED: list[tuple[Reason, str, bytes, dict[str, Any]]] = [
    (Reason.RETAINED, "raw/a", SAMPLES, {"retained": True}),
    (Reason.TOO_LARGE, "raw/a", bytes(4100), {}),
    (Reason.EMPTY, "raw/a", b"", {}),
    (Reason.TRUNCATED, "raw/a", SAMPLES[:-1], {}),
    (Reason.BAD_HEADER, "frame/a", BAD_FRAME, {}),
    (Reason.BAD_DOCUMENT, "json/a", b"{", {}),
    (Reason.BAD_PROPERTY, "raw/a", SAMPLES, {"properties": {"seq": "one"}}),
    (Reason.NON_FINITE, "raw/a", b"\xff" * 1024, {}),
    (Reason.WRONG_RATE, "json/a", b'{"samples": [1]}', {}),  # without a rate
    (Reason.WRONG_RATE, "json/a", b'{"samples": [1], "sample_rate_hz": 10599}', {}),
    (Reason.WRONG_RATE, "json/a", b'{"samples": [1], "sample_rate_hz": 1e300}', {}),
    (Reason.WRONG_CHANNELS, "json/a", b'{"samples": [[1, 2], [3, 4]], "sample_rate_hz": 12000}', {}),
    (Reason.UNKNOWN_TOPIC, "raw/a/b", SAMPLES, {}),
    (Reason.ILLEGAL_SENSOR, "raw/" + 65 * "m", SAMPLES, {}),
    (Reason.ILLEGAL_SENSOR, "raw/", SAMPLES, {}),
    (Reason.ILLEGAL_SENSOR, "pair/" + 63 * "m", 2 * SAMPLES, {}),  # too long with its channel's name
]


@pytest.mark.parametrize(("reason", "topic", "payload", "options"), REFUSED)
def test_each_refusal_has_its_reason_and_changes_nothing(
    reason: Reason, topic: str, payload: bytes, options: dict[str, Any], reader: Reader
):
    assert reader.refused(topic, payload, **options) is reason
    assert (reader.intake.sensors, reader.intake.lost_samples, reader.intake.gaps) == (0, 0, 0)


def test_a_frame_damaged_on_its_way_has_its_own_reason(reader: Reader, framed: Callable[..., bytes]):
    assert reader.refused("frame/a", framed()[:-1] + b"\x55") is Reason.BAD_CRC


def test_no_sample_of_a_refused_packet_is_read(reader: Reader, framed: Callable[..., bytes]):
    assert not reader.send("frame/a", framed(128, seq=1))
    good = framed(128, start=128, seq=2)
    assert reader.refused("frame/a", good[:-1] + b"\x55") is Reason.BAD_CRC
    assert reader.refused("frame/a", framed(128, seq=2, sample_rate_hz=8000.0)) is Reason.WRONG_RATE
    assert reader.refused("frame/a", framed(128, seq=2, channels=2)) is Reason.WRONG_CHANNELS
    assert reader.refused("frame/a", good, retained=True) is Reason.RETAINED
    assert reader.send("frame/a", good) == [("a", list(range(256)))]
    assert reader.intake.gaps == 0


def test_one_sensor_too_many_is_refused_and_the_others_go_on(reader_of: Callable[..., Reader]):
    reader = reader_of(max_sensors=3)
    for name in "ab":
        reader.send(f"raw/{name}", SAMPLES)
    assert reader.refused("pair/m", 2 * SAMPLES) is Reason.TOO_MANY_SENSORS  # for two more there is no room
    assert reader.intake.sensors == 2
    reader.send("raw/c", SAMPLES)
    assert reader.refused("raw/d", SAMPLES) is Reason.TOO_MANY_SENSORS
    assert len(reader.send("raw/a", SAMPLES)) == 1


def test_a_refused_packet_takes_no_place(reader_of: Callable[..., Reader]):
    reader = reader_of(max_sensors=1)
    assert reader.refused("raw/a", SAMPLES[:-1]) is Reason.TRUNCATED
    assert reader.refused("json/b", b'{"samples": [1], "sample_rate_hz": 1}') is Reason.WRONG_RATE
    assert len(reader.send("raw/c", SAMPLES)) == 1


def test_a_codec_that_fails_gives_a_notice_with_its_error_and_other_sensors_are_read(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> Packet:
        raise ZeroDivisionError

    monkeypatch.setattr(document, "decode", broken)
    assert reader.refused("json/a", b"{}") is Reason.INTERNAL
    (notice,) = reader.intake.take_notices()
    assert (notice.level, notice.event) == (ERROR, "codec failed")
    assert notice.fields == {"codec": "json", "topic": "json/a"}
    assert isinstance(notice.error, ZeroDivisionError)
    assert notice.error.__traceback__ is not None
    assert len(reader.send("raw/a", SAMPLES)) == 1


def test_a_repeated_packet_is_a_duplicate_also_after_a_restart(
    reader_of: Callable[..., Reader], framed: Callable[..., bytes]
):
    reader = reader_of(cursors={"a": Cursor(boot_id=7, seq=5)})
    assert not reader.send("frame/a", framed(boot_id=7, seq=5))
    assert reader.in_flight.duplicate
    assert not reader.in_flight.cursors
    assert len(reader.send("frame/a", framed(boot_id=7, seq=6))) == 1
    assert not reader.in_flight.duplicate
    assert reader.in_flight.cursors["a"].seq == 6


def test_gaps_and_lost_samples_are_counted(reader: Reader, framed: Callable[..., bytes]):
    reader.send("frame/a", framed(300, seq=1))
    reader.send("frame/a", framed(300, seq=3))
    assert (reader.intake.gaps, reader.intake.lost_samples) == (1, 44)


def test_a_refused_packet_names_its_sensors_where_they_are_known(reader: Reader):
    for topic, payload, sensors in (("raw/a", SAMPLES[:-1], ("a",)), ("pair/m", SAMPLES[:-1], ("m-x", "m-y"))):
        with pytest.raises(PacketError) as refusal:
            reader.send(topic, payload)
        assert refusal.value.sensors == sensors
    with pytest.raises(PacketError) as refusal:
        reader.send("raw/a/b", SAMPLES)
    assert refusal.value.sensors == ()


def test_a_packet_is_stale_after_max_age_in_the_inbox(reader_of: Callable[..., Reader], framed: Callable[..., bytes]):
    reader = reader_of(max_age_s=5.0)
    assert reader.send("frame/a", framed(seq=1), now_s=5.0)
    assert not reader.send("frame/a", framed(seq=2), now_s=5.1)
    assert (reader.in_flight.stale, reader.in_flight.cursors) == (True, {})
    assert not reader.send("frame/a", framed(seq=1), now_s=5.1)
    assert (reader.in_flight.stale, reader.in_flight.duplicate) == (False, True)


@pytest.mark.parametrize(("ours", "synced", "stale"), [(True, True, True), (False, True, False), (True, False, False)])
def test_the_age_by_t0_counts_only_if_both_clocks_are_right(
    reader_of: Callable[..., Reader], framed: Callable[..., bytes], *, ours: bool, synced: bool, stale: bool
):
    """The message arrived at 1 s of Unix time."""
    reader = reader_of(max_age_s=0.5, clock_synchronised=lambda _now_s: ours)
    reader.send("frame/a", framed(seq=1, t0_unix_ns=1, clock_synced=synced))
    assert reader.in_flight.stale is stale


NOW_NS = 1_767_225_600_000_000_000


@pytest.mark.parametrize(
    ("off_s", "synced", "ours", "kept"),
    [(0, False, True, True), (3600, True, True, False), (3600, True, False, True), (-1e9, True, False, False)],
)
def test_a_window_has_the_sensor_s_time_only_if_it_is_possible(
    reader_of: Callable[..., Reader],
    framed: Callable[..., bytes],
    *,
    off_s: float,
    synced: bool,
    ours: bool,
    kept: bool,
):
    """A sensor that is synchronised is trusted where the agent is not, but never before 2024."""
    reader = reader_of(clock_synchronised=lambda _now_s: ours)
    windows = []
    for seq, moment_s in enumerate((off_s, off_s + 256 / 12_000, 0.0)):  # and then its clock is set
        payload = framed(256, seq=seq, t0_unix_ns=NOW_NS - 100_000_000 + round(moment_s * 1e9), clock_synced=synced)
        message = replace(reader.make_message("frame/a", payload), received_unix_ns=NOW_NS)
        reader.intake.receive(message, InFlight(message), lambda _name, window: windows.append(window))
    times = [(window.end_unix_ns == NOW_NS, window.clock_synced) for window in windows]
    assert times[:2] == [(not kept, synced if kept else ours)] * 2, "the flag is of the clock that gave the time"
    assert times[2][1] is synced
    assert reader.intake.registry.streams["a"].wrong_clock is False


@pytest.fixture
def twins(contract: ModelContract, make_message: Callable[..., Message]) -> Reader:
    """Two inputs of one topic: an axis each."""
    inputs = tuple(
        entry("two/{s}", "json", pattern=TopicPattern("two/{s}", f"{{s}}-{axis}"), sample_rate_hz=RATE_HZ,
              payload_format=PayloadFormat(fields={"samples": axis}))
        for axis in "xy"
    )  # fmt: skip
    return Reader(Intake(contract, inputs, 4, {}), make_message)


def axes(seq: int, **values: list[float]) -> bytes:
    return json.dumps({"seq": seq, **values}).encode()


def test_each_input_of_a_topic_reads_its_part(twins: Reader):
    windows = dict(twins.send("two/a", axes(1, x=[1.0] * 256, y=[2.0] * 256)))
    assert windows == {"a-x": [1.0] * 256, "a-y": [2.0] * 256}
    assert set(twins.in_flight.cursors) == {"a-x", "a-y"}
    assert not twins.in_flight.partly_refused


def test_an_input_that_can_t_read_its_part_keeps_no_other_from_reading(twins: Reader):
    assert dict(twins.send("two/a", axes(1, y=[2.0] * 256))) == {"a-y": [2.0] * 256}
    (error,) = twins.in_flight.partly_refused
    assert (error.reason, error.sensors) == (Reason.BAD_DOCUMENT, ("a-x",))
    assert twins.refused("two/a", axes(2, z=[1.0])) is Reason.BAD_DOCUMENT


def test_a_message_is_a_duplicate_if_it_is_one_for_each_of_its_inputs(twins: Reader):
    both = {"x": [1.0] * 256, "y": [2.0] * 256}
    twins.send("two/a", axes(1, y=both["y"]))
    twins.send("two/a", axes(1, **both))
    assert not twins.in_flight.duplicate
    twins.send("two/a", axes(1, **both))
    assert twins.in_flight.duplicate


def test_a_compressed_payload_is_read_and_its_content_is_limited(reader: Reader):
    text = json.dumps({"samples": [0.5] * 256, "sample_rate_hz": RATE_HZ}).encode()
    assert [name for name, _ in reader.send("json/a", gzip.compress(text))] == ["a"]
    assert reader.refused("json/a", gzip.compress(b" " * 5000)) is Reason.TOO_LARGE
    assert [name for name, _ in reader.send("raw/b", gzip.compress(SAMPLES))] == ["b"]


def test_a_decoder_with_a_memory_may_find_no_packet_in_a_message(contract: ModelContract, make_message):
    class Births:
        def decode(self, topic: str, payload: bytes, _form: PayloadFormat) -> Packet | None:
            return None if topic.endswith("birth") else raw.decode(payload, {}, PayloadFormat())

    one = entry("{kind}/{s}", "sparkplug", decoder=Births(), sample_rate_hz=RATE_HZ)
    reader = Reader(Intake(contract, (one,), 4, {}), make_message)
    assert reader.send("a/birth", b"?") == []
    assert not reader.in_flight.cursors
    assert [name for name, _ in reader.send("a/data", SAMPLES)] == ["data"]
    assert reader.intake.sensors == 1


def test_non_finite_samples_of_another_type_are_refused_with_the_type(reader: Reader):
    doubles = np.cumsum(np.random.default_rng(0).standard_normal(1024)).astype("<f8").tobytes()
    with pytest.raises(PacketError, match=r"wrong_encoding: .* set dtype = 'f64'"):
        reader.intake.read(entry("raw/{s}", "raw", max_packet_bytes=9999), "a", reader.make_message("raw/a", doubles))


def test_named_axes_are_the_channels_of_a_model_that_takes_several(contract: ModelContract, make_message):
    form = PayloadFormat(channels=2, channel_names=("x", "y"), channel_paths=("accel.x", "accel.y"))
    one = entry("{s}/axes", "json", payload_format=form, sample_rate_hz=RATE_HZ)
    intake = Intake(contract.model_copy(update={"channels": 2}), (one,), 4, {})
    shapes: list[tuple[int, ...]] = []
    message = make_message("a/axes", json.dumps({"accel": {"x": [1] * 256, "y": [2] * 256}}).encode())
    intake.receive(message, InFlight(message), lambda _sensor, window: shapes.append(window.samples.shape))
    assert shapes == [(2, 256)]


def test_a_packet_of_another_shard_is_dropped_before_it_is_decoded(
    contract: ModelContract, make_message: Callable[..., Message]
):
    number = shard_of("a", 2)
    mine, other = (
        Reader(Intake(contract, (replace(entry("frame/{s}", "frame"), shard=Shard(k, 2)),), 4, {}), make_message)
        for k in (number, 3 - number)
    )
    assert other.send("frame/a", BAD_FRAME) == []
    assert (other.in_flight.other_shard, other.intake.sensors, other.intake.watch.count) == (True, 0, 0)
    assert mine.refused("frame/a", BAD_FRAME) is Reason.BAD_HEADER
    assert not mine.in_flight.other_shard
