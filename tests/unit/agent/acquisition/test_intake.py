from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.codecs import Format, PacketError, Reason, frame
from drsn.agent.acquisition.codecs import json_document as document
from drsn.agent.acquisition.continuity import Cursor
from drsn.agent.acquisition.intake import Input, Intake
from drsn.agent.mqtt.topics import TopicPattern
from drsn.agent.observability.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.codecs import Packet
    from drsn.agent.mqtt.message import Message
    from drsn.model.contract import ModelContract

RATE_HZ = 12_000.0
SAMPLES = np.arange(256, dtype="<f4").tobytes()


def entry(topic: str, codec: str, **options: Any) -> Input:  # noqa: ANN401
    return Input(
        **{
            "pattern": TopicPattern(topic, "{s}"),
            "codec": codec,
            "form": Format(channels=len(options.get("channels", "1"))),
            "sample_rate_hz": RATE_HZ if codec == "raw" else None,
            "channels": (),
            "hop_windows": 1.0,
            "continuous": False,
            "max_packet_bytes": 4096,
            **options,
        }
    )


@dataclass
class Door:
    """An intake, and what became of the messages that it was given."""

    intake: Intake
    make_message: Callable[..., Message]
    metrics: Metrics
    receipt: InFlight = field(init=False)

    def send(self, topic: str, payload: bytes, **options: Any) -> list[tuple[str, list[float]]]:  # noqa: ANN401
        """Windows as (sensor, samples of the first channel)."""
        message = self.make_message(topic, payload, **options)
        self.receipt = InFlight(message)
        return [(name, window.samples[0].tolist()) for name, window in self.intake.windows(message, self.receipt)]

    def refused(self, topic: str, payload: bytes, **options: Any) -> Reason:  # noqa: ANN401
        with pytest.raises(PacketError) as refusal:
            self.send(topic, payload, **options)
        assert not self.receipt.cursors
        return refusal.value.reason


@pytest.fixture
def door_of(contract: ModelContract, make_message: Callable[..., Message]) -> Callable[..., Door]:
    def make(max_sensors: int = 4, cursors: dict[str, Cursor] | None = None) -> Door:
        inputs = (
            entry("raw/{s}", "raw"),
            entry("frame/{s}", "frame"),
            entry("json/{s}", "json"),
            entry("pair/{s}", "raw", channels=("x", "y")),
            entry("{s}/a", "raw", form=Format(scale=2.0)),
            entry("hall/{h}/{s}", "raw"),
            entry("fast/{s}", "frame", max_packet_bytes=1 << 20),
        )
        metrics = Metrics()
        return Door(Intake(contract, inputs, max_sensors, cursors or {}, metrics), make_message, metrics)

    return make


@pytest.fixture
def door(door_of: Callable[..., Door]) -> Door:
    return door_of()


@pytest.fixture
def framed(make_packet: Callable[..., Packet]) -> Callable[..., bytes]:
    """A frame of `n` samples of a ramp."""

    def make(n_samples: int = 256, **said: Any) -> bytes:  # noqa: ANN401
        return frame.encode(make_packet(n_samples, **{"sample_rate_hz": RATE_HZ, "seq": 1, **said}))

    return make


def test_the_first_input_that_fits_reads_a_topic(door: Door):
    assert [name for name, _ in door.send("raw/a", SAMPLES)] == ["a"]
    ((name, samples),) = door.send("x/a", SAMPLES)
    assert (name, samples[:3]) == ("x", [0, 2, 4])


def test_channels_of_one_packet_are_sensors(door: Door):
    both = np.stack([np.arange(256), -np.arange(256)], axis=1).astype("<f4")
    windows = dict(door.send("pair/m", both.tobytes(), properties={"seq": "3"}))
    assert windows == {"m-x": list(range(256)), "m-y": [-n for n in range(256)]}
    assert {name: cursor.seq for name, cursor in door.receipt.cursors.items()} == {"m-x": 3, "m-y": 3}
    assert door.intake.sensors == 2


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
    (Reason.WRONG_RATE, "json/a", b'{"samples": [1]}', {}),  # nobody said a rate
    (Reason.WRONG_RATE, "json/a", b'{"samples": [1], "sample_rate_hz": 10599}', {}),
    (Reason.WRONG_RATE, "json/a", b'{"samples": [1], "sample_rate_hz": 1e300}', {}),
    (Reason.WRONG_CHANNELS, "json/a", b'{"samples": [[1], [2]], "sample_rate_hz": 12000}', {}),
    (Reason.UNKNOWN_TOPIC, "raw/a/b", SAMPLES, {}),
    (Reason.ILLEGAL_SENSOR, "raw/_agent", SAMPLES, {}),
    (Reason.ILLEGAL_SENSOR, "raw/", SAMPLES, {}),
    (Reason.ILLEGAL_SENSOR, "pair/" + 63 * "m", 2 * SAMPLES, {}),  # too long with its channel's name
]


@pytest.mark.parametrize(("reason", "topic", "payload", "options"), REFUSED)
def test_each_refusal_has_its_reason_and_leaves_no_trace(
    reason: Reason, topic: str, payload: bytes, options: dict[str, Any], door: Door
):
    assert door.refused(topic, payload, **options) is reason
    assert (door.intake.sensors, door.intake.lost_samples, door.metrics.gaps) == (0, 0, 0)


def test_a_frame_damaged_on_its_way_has_its_own_reason(door: Door, framed: Callable[..., bytes]):
    assert door.refused("frame/a", framed()[:-1] + b"\x55") is Reason.BAD_CRC


def test_no_sample_of_a_refused_packet_is_read(door: Door, framed: Callable[..., bytes]):
    assert not door.send("frame/a", framed(128, seq=1))
    good = framed(128, start=128, seq=2)
    assert door.refused("frame/a", good[:-1] + b"\x55") is Reason.BAD_CRC
    assert door.refused("frame/a", framed(128, seq=2, sample_rate_hz=8000.0)) is Reason.WRONG_RATE
    assert door.refused("frame/a", framed(128, seq=2, channels=2)) is Reason.WRONG_CHANNELS
    assert door.refused("frame/a", good, retained=True) is Reason.RETAINED
    assert door.send("frame/a", good) == [("a", list(range(256)))]
    assert door.metrics.gaps == 0


def test_one_sensor_too_many_is_refused_and_the_others_go_on(door_of: Callable[..., Door]):
    door = door_of(max_sensors=3)
    for name in "ab":
        door.send(f"raw/{name}", SAMPLES)
    assert door.refused("pair/m", 2 * SAMPLES) is Reason.TOO_MANY_SENSORS  # for two more there is no room
    assert door.intake.sensors == 2
    door.send("raw/c", SAMPLES)
    assert door.refused("raw/d", SAMPLES) is Reason.TOO_MANY_SENSORS
    assert len(door.send("raw/a", SAMPLES)) == 1


def test_a_refused_packet_takes_no_sensors_place(door_of: Callable[..., Door]):
    door = door_of(max_sensors=1)
    assert door.refused("raw/a", SAMPLES[:-1]) is Reason.TRUNCATED
    assert door.refused("json/b", b'{"samples": [1], "sample_rate_hz": 1}') is Reason.WRONG_RATE
    assert len(door.send("raw/c", SAMPLES)) == 1


def test_a_codec_that_fails_is_our_fault_and_no_other_sensor_notices(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*_: object) -> Packet:
        raise ZeroDivisionError

    monkeypatch.setattr(document, "decode", broken)
    assert door.refused("json/a", b"{}") is Reason.INTERNAL
    assert "codec failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert len(door.send("raw/a", SAMPLES)) == 1


def test_what_comes_again_is_a_duplicate_also_after_a_restart(
    door_of: Callable[..., Door], framed: Callable[..., bytes]
):
    door = door_of(cursors={"a": Cursor(boot_id=7, seq=5)})
    assert not door.send("frame/a", framed(boot_id=7, seq=5))
    assert door.receipt.duplicate
    assert not door.receipt.cursors
    assert len(door.send("frame/a", framed(boot_id=7, seq=6))) == 1
    assert not door.receipt.duplicate
    assert door.receipt.cursors["a"].seq == 6


def test_gaps_and_lost_samples_are_counted(door: Door, framed: Callable[..., bytes]):
    door.send("frame/a", framed(300, seq=1))
    door.send("frame/a", framed(300, seq=3))
    assert (door.metrics.gaps, door.intake.lost_samples) == (1, 44)


def test_a_flood_of_topics_does_not_fill_the_memory(door: Door):
    for n in range(100):
        document = json.dumps({"samples": [n]}).encode()
        assert door.refused(f"json/s{n}", document) is Reason.WRONG_RATE
    assert len(door.intake._routes) <= 16


def test_two_topics_that_become_one_sensor_are_worth_a_word_once(door: Door, framed: Callable[..., bytes], caplog):
    for seq in range(3):
        door.send("frame/m", framed(seq=seq))
    assert "two topics" not in caplog.text
    for _ in range(3):
        door.send("raw/m", SAMPLES)
    assert [record.getMessage() for record in caplog.records if "two topics become one sensor" in record.getMessage()]
    assert len(caplog.records) == 1


def test_a_topic_longer_than_any_of_its_kind_is_refused_and_not_remembered(door: Door):
    """A level that the sensor's id does not hold may be a stranger's 65,000 characters: a gigabyte of routes."""
    longest = f"hall/{'h' * 511}/a"
    assert len(longest) == len("hall//") + 2 * 256
    for topic in (longest.replace("/a", "h/a"), f"hall/{'h' * 65_000}/a"):
        assert door.refused(topic, SAMPLES) is Reason.UNKNOWN_TOPIC
    assert door.intake._routes == door.intake._topic_of == {}
    assert len(door.send(longest, SAMPLES)) == 1
    with pytest.raises(PacketError) as refusal:
        door.send(f"hall/{'h' * 65_000}/a", SAMPLES)
    assert len(str(refusal.value)) < 200


FAST_HZ = 20 * RATE_HZ
"""A window of it has 5,120 samples, a ring of them 41 kB."""


@pytest.fixture
def narrow(door_of: Callable[..., Door], monkeypatch: pytest.MonkeyPatch) -> Door:
    """Room for four rings at five times the bundle's rate, and so for one at twenty times."""
    monkeypatch.setattr("drsn.agent.acquisition.intake.RINGS_BYTES", 0)
    return door_of()


def fast(framed: Callable[..., bytes], n_samples: int, seq: int) -> bytes:
    return framed(n_samples, sample_rate_hz=FAST_HZ, seq=seq)


def test_the_memory_of_rings_is_bounded_whatever_rate_packets_claim(narrow: Door, framed: Callable[..., bytes]):
    for seq in (1, 2):
        for name in "wxyz":
            narrow.send(f"fast/{name}", fast(framed, 100, seq))
    streams = narrow.intake._streams
    assert [streams[name].ring_bytes for name in "wxyz"] == [8 * 5120, 0, 0, 0]
    assert narrow.intake._rings.used == 8 * 5120
    assert narrow.intake.lost_samples == 6 * 100, "counted: what the others' packets held"


def test_a_sensor_that_finds_no_room_for_its_ring_is_diagnosed_by_what_each_packet_holds(
    narrow: Door, framed: Callable[..., bytes], caplog: pytest.LogCaptureFixture
):
    narrow.send("fast/w", fast(framed, 100, 1))
    assert len(narrow.send("fast/x", fast(framed, 5120, 1))) == 1
    assert (narrow.intake.lost_samples, caplog.text) == (0, ""), "whole windows lose nothing"
    assert len(narrow.send("fast/x", fast(framed, 5130, 2))) == 1
    assert len(narrow.send("fast/x", fast(framed, 5120, 3))) == 1
    assert (narrow.intake.lost_samples, narrow.metrics.gaps) == (10, 0)
    assert "no memory for what waits between packets" in caplog.text
    assert "raise agent.max_sensors" in caplog.text


def test_a_sensor_at_the_bundles_rate_gets_its_ring_from_one_that_wants_more(
    narrow: Door, framed: Callable[..., bytes]
):
    narrow.send("fast/w", fast(framed, 100, 1))
    assert not narrow.send("frame/b", framed(128, seq=1))
    assert narrow.intake._streams["w"].ring_bytes == 0
    assert narrow.intake.lost_samples == 100
    assert narrow.send("frame/b", framed(128, start=128, seq=2)) == [("b", list(range(256)))]


def test_a_ring_of_a_sensor_that_is_forgotten_or_read_again_gives_its_room_back(
    narrow: Door, framed: Callable[..., bytes]
):
    narrow.send("fast/w", fast(framed, 100, 1))
    narrow.intake.forget("w")
    assert narrow.intake._rings.used == 0
    narrow.send("fast/x", fast(framed, 100, 1))
    narrow.intake.rewind({})
    assert narrow.intake._rings.used == 0
    narrow.send("fast/x", fast(framed, 100, 1))
    assert narrow.intake._rings.used == 8 * 5120
