"""The short way of a packet that is one whole window is equal to the long one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import Packet
from drsn.agent.acquisition.continuity import Continuity, Cursor
from drsn.agent.acquisition.fingerprints import FIRST_PACKETS
from drsn.agent.acquisition.notice import Notices
from drsn.agent.acquisition.sensor_stream import SensorStream, StreamOptions, Window

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

RATE_HZ = 12_000.0
ARRIVAL = 1_767_225_600_000_000_000

STEPS = st.tuples(
    st.sampled_from([256, 256, 256, 256, 100, 512]),  # samples
    st.sampled_from([1, 1, 1, 1, 1, 2, 0, -1, -40]),  # how much `seq` rises
    st.sampled_from([0, 0, 0, 0, 3, 30, -3, -30, None]),  # how late `t0` is, in ms; None: there is none
    st.sampled_from([RATE_HZ] * 6 + [RATE_HZ * 1.001, 2 * RATE_HZ]),
    st.sampled_from([7, 7, 7, 7, 7, 0, 8]),  # boot_id
    st.booleans(),  # clipped
)


def stream_of(contract: ModelContract, hop_windows: float = 1.0, cursor: Cursor | None = None) -> SensorStream:
    return SensorStream("press4", contract, StreamOptions(hop_windows), notices=Notices(), cursor=cursor)


def long_way(stream: SensorStream, packet: Packet, rate_hz: float) -> list[list[object]]:
    continuity = stream.continuity_of(packet, rate_hz)
    windows: list[list[object]] = []
    if continuity is not Continuity.DUPLICATE:
        stream.push(packet, rate_hz, continuity, ARRIVAL, lambda _sensor, window: windows.append(fields_of(window)))
    return windows


def progress_of(stream: SensorStream) -> tuple[object, ...]:
    progress = stream.progress
    return (
        stream.cursor,
        progress.windows,
        progress.signal_windows,
        progress.lost_samples,
        progress.gaps,
        progress.wasted,
    )


def fields_of(window: Window) -> list[object]:
    return [window.samples.tolist(), *(getattr(window, name) for name in Window.__slots__ if name != "samples")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # a contract is frozen
@given(steps=st.lists(STEPS, min_size=1, max_size=20), hop=st.sampled_from([1.0, 1.0, 1.0, 0.5]))
def test_any_packets_give_the_same_windows_and_cursors(steps, hop: float, contract: ModelContract):
    cursor = Cursor(7, 999, None, RATE_HZ)
    short, long = (stream_of(contract, hop, cursor) for _ in range(2))
    seq, start = 1000, 0
    for size, rise, late_ms, rate_hz, boot_id, clipped in steps * 3:
        seq += rise
        t0_unix_ns = None if late_ms is None else ARRIVAL + round(start * 1e9 / RATE_HZ) + late_ms * 1_000_000
        samples = np.arange(start, start + size, dtype=np.float32)[None]
        packet = Packet(samples, t0_unix_ns, rate_hz, seq, boot_id, 1500.0, "g", clipped=clipped and not rise)
        start += size
        expected, window = long_way(long, packet, rate_hz), short.next_window(packet, rate_hz)
        if window is None:
            assert long_way(short, packet, rate_hz) == expected
        else:
            assert window.lasting
            assert window.samples is samples
            assert [fields_of(replace(window, lasting=False))] == expected
        assert progress_of(short) == progress_of(long)


def test_a_steady_sensor_goes_the_short_way(contract: ModelContract):
    """After the first packets of its count, also if it has begun anew, as that of a sensor without a boot_id may."""
    stream, taken = stream_of(contract), []
    for index, seq in enumerate([*range(5, 25), *range(12)]):
        samples = np.full((1, 256), index, np.float32)
        packet = Packet(samples, ARRIVAL + round(256 * index * 1e9 / RATE_HZ), RATE_HZ, seq)
        taken.append(stream.next_window(packet, RATE_HZ) is not None)
        if not taken[-1]:
            long_way(stream, packet, RATE_HZ)
    assert taken == [False] * FIRST_PACKETS + [True] * (20 - FIRST_PACKETS) + [False] * FIRST_PACKETS + [True] * 4
