from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.clock_sync import ask_kernel
from drsn.agent.acquisition.codecs import CODECS, Packet, PayloadFormat, codec
from drsn.agent.acquisition.codecs.frame import decode
from drsn.agent.acquisition.continuity import Continuity, advance, classify
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.sensor_id import legal_sensor
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.tools.replay.player import IN_FLIGHT, Frame, ReplayPlan, frames, play, sensor_id
from drsn.model.data.recording import Recording
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.mqtt.message import Message

START = 1_767_225_600_000_000_000


def recording(name: str = "pump", n: int = 1000, rate_hz: float = 1000.0, channels: int = 1) -> Recording:
    samples = np.arange(n * channels, dtype=np.float32).reshape(channels, n)
    return Recording(name=name, label="", samples=samples, sample_rate_hz=rate_hz, rpm=1797.0)


def packets(sent: Iterable[Frame]) -> list[Packet]:
    return [decode(frame.payload, {}, PayloadFormat()) for frame in sent]


def test_a_recording_is_one_proven_stream_of_frames():
    source = recording(n=1050, channels=2)
    plan = ReplayPlan(samples_per_packet=100)
    sent = list(frames([source], plan, START))
    cursor, verdicts, synced = None, [], bool(ask_kernel().synchronised)
    for packet in packets(sent):
        verdicts.append(classify(cursor, packet, 1000.0, continuous=False))
        cursor = advance(cursor, packet, 1000.0, verdicts[-1])
        assert (packet.sample_rate_hz, packet.rpm, packet.clock_synced) == (1000.0, 1797.0, synced)
    assert verdicts == [Continuity.FIRST] + [Continuity.TOUCHES] * 9  # the last 50 samples fill no packet
    np.testing.assert_array_equal(np.hstack([p.samples for p in packets(sent)]), source.samples[:, :1000])
    assert {frame.topic for frame in sent} == {"plant/replay/pump/frame"}


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_can_send_what_it_reads(name: str):
    source = recording(n=200, channels=2)
    sent = list(frames([source], ReplayPlan(codec=name, samples_per_packet=100), START))
    read = [codec(name).decode(frame.payload, frame.properties, PayloadFormat(channels=2)) for frame in sent]
    np.testing.assert_array_equal(np.hstack([packet.samples for packet in read]), source.samples)
    assert [packet.seq for packet in read] == [0, 1]
    assert len({packet.boot_id for packet in read} - {0}) == 1
    assert [packet.t0_unix_ns - START for packet in read] == pytest.approx([0, 100_000_000], abs=500)


def test_a_packet_is_due_when_its_last_sample_is_taken_and_tells_when_its_first_was():
    sent = list(frames([recording()], ReplayPlan(samples_per_packet=250, speed=2), START))
    assert [frame.due_s for frame in sent] == [0.125, 0.25, 0.375, 0.5]
    assert [(p.seq, p.t0_unix_ns) for p in packets(sent)] == [(i, START + i * 250_000_000) for i in range(4)]


@pytest.mark.parametrize("speed", [1.0, 0.0])
def test_recordings_are_played_side_by_side(speed: float):
    slow, fast = recording("slow", rate_hz=1000), recording("fast", n=4000, rate_hz=4000)
    sent = list(frames([slow, fast], ReplayPlan(samples_per_packet=500, speed=speed), START))
    due = [frame.due_s for frame in sent]
    assert due == sorted(due)
    order = [frame.topic.split("/")[2] for frame in sent]
    assert order == ["fast"] * 3 + ["slow", "fast"] + ["fast"] * 3 + ["slow", "fast"]


@pytest.mark.parametrize("speed", [1.0, 0.0])
def test_in_a_loop_nobody_starves_and_the_stream_goes_on(speed: float):
    plan = ReplayPlan(samples_per_packet=500, speed=speed, loop=True)
    endless = frames([recording("a"), recording("b")], plan, START)
    first = packets(frame for frame in itertools.islice(endless, 10) if "/a/" in frame.topic)
    assert [p.seq for p in first] == [0, 1, 2, 3, 4]
    assert [p.t0_unix_ns - START for p in first] == [i * 500_000_000 for i in range(5)]
    np.testing.assert_array_equal(first[4].samples, first[0].samples)


def test_a_recording_shorter_than_a_packet_ends_even_in_a_loop():
    assert list(frames([recording(n=99)], ReplayPlan(samples_per_packet=100, loop=True), START)) == []


def test_each_play_is_a_boot_of_its_own():
    boots = {packets(frames([recording()], ReplayPlan(samples_per_packet=1000), START))[0].boot_id for _ in range(4)}
    assert len(boots) == 4
    assert 0 not in boots


def test_noise_has_the_snr_asked_for_and_follows_from_the_seed():
    rng = np.random.default_rng(1)
    source = Recording("a", "", rng.standard_normal((1, 20_000)).astype(np.float32), 1000.0)

    def noise(snr_db: float, seed: int) -> np.ndarray:
        plan = ReplayPlan(samples_per_packet=10_000, snr_db=snr_db, seed=seed)
        return np.hstack([p.samples for p in packets(frames([source], plan, START))]) - source.samples

    assert noise(0, 1).std() == pytest.approx(1, rel=0.02)
    assert noise(20, 1).std() == pytest.approx(0.1, rel=0.02)
    np.testing.assert_array_equal(noise(0, 1), noise(0, 1))
    assert not np.array_equal(noise(0, 1), noise(0, 2))
    assert not np.array_equal(noise(0, 1)[:, :10_000], noise(0, 1)[:, 10_000:])


@given(st.text())
def test_every_name_makes_a_legal_sensor(name: str):
    assert legal_sensor(sensor_id(name))


@pytest.mark.parametrize(("name", "sensor"), [("97", "97"), ("pump 2.de", "pump-2-de"), ("_x", "x"), ("", "recording")])
def test_a_name_stays_recognisable(name: str, sensor: str):
    assert sensor_id(name) == sensor


def connected(broker: StubBroker) -> StubConnection:
    connection = StubConnection(broker, ConnectionOptions("replay", "replay"))
    connection.start()
    return connection


FAST = ReplayPlan(samples_per_packet=10, speed=0)


def test_play_publishes_all_and_counts_what_the_broker_confirmed():
    broker = StubBroker()
    assert play([recording()], FAST, connected(broker), threading.Event()) == 100 > IN_FLIGHT
    assert [p.seq for p in packets(Frame(0, topic, payload) for topic, payload in broker.log)] == list(range(100))


def test_raw_samples_are_published_with_their_properties():
    broker = StubBroker()
    heard: list[Message] = []
    listener = StubConnection(broker, ConnectionOptions("agent", "agent", ("#",)), on_message=heard.append)
    listener.start()
    play([recording()], replace(FAST, codec="raw", samples_per_packet=500), connected(broker), threading.Event())
    listener.pump()
    assert [message.properties["seq"] for message in heard] == ["0", "1"]


def test_play_ends_when_it_is_told_to():
    broker, stop = StubBroker(), threading.Event()
    stop.set()
    assert play([recording()], FAST, connected(broker), stop) == 0
    assert broker.log == []


def test_a_broker_that_refuses_the_frames_is_told_with_its_reason():
    broker = StubBroker(denied=("plant/#",))
    with pytest.raises(UnavailableError, match="Not authorized"):
        play([recording()], FAST, connected(broker), threading.Event())
