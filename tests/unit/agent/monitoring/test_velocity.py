"""The exact physics: a sine of a in m/s² at f has the velocity a / (2·pi·f)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.velocity import FrameKind, VelocityFrames, decimation, fast_length, upper_hz

RATES = [(12_000.0, 2048), (25_600.0, 4096), (25_600.0, 4369), (51_200.0, 8192), (6_400.0, 2048), (8_192.0, 512)]
"""Sample rate in Hz and window."""


def measured(
    signal: np.ndarray, rate_hz: float, hop: int, low_hz: float = 10.0, *, velocity: bool = False
) -> list[float]:
    """The velocities of all whole frames of float[channels, samples]."""
    signal = np.atleast_2d(signal).astype(np.float32)
    frames = VelocityFrames(FrameKind(len(signal), hop, rate_hz, low_hz, velocity))
    index = np.array([frames.begin()])
    found: list[float] = []
    for start in range(0, signal.shape[1] - hop + 1, hop):
        window = signal[np.newaxis, :, start : start + hop]
        complete, rms = frames.add(index, window, np.array([start > 0]))
        assert len(complete) == len(rms)
        found += rms.tolist()
    return found


def sine(amplitude: float, f_hz: float, rate_hz: float, seconds: float, phase: float = 0.3) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * f_hz * np.arange(round(seconds * rate_hz)) / rate_hz + phase)


@pytest.mark.parametrize(("rate_hz", "hop"), RATES)
@pytest.mark.parametrize("f_hz", [10.0, 10.4, 10.9, 11.0, 12.5, 16.6, 24.87, 50.0, 100.0, 333.3, 1000.0])
def test_the_velocity_of_a_sine_is_exact(rate_hz: float, hop: int, f_hz: float):
    exact = 5000.0 / math.sqrt(2) / (2 * math.pi * f_hz)
    found = measured(sine(5000.0, f_hz, rate_hz, 2.7), rate_hz, hop)
    at_the_end = f_hz < 10.5 or f_hz == 1000.0
    assert found == pytest.approx([exact, exact], rel=0.011 if at_the_end else 1e-3)


@pytest.mark.parametrize("f_hz", [2.0, 2.3, 3.7, 10.0, 80.0])
def test_slow_machines_are_measured_from_2_hz_on(f_hz: float):
    exact = 5000.0 / math.sqrt(2) / (2 * math.pi * f_hz)
    assert measured(sine(5000.0, f_hz, 6400.0, 5.5), 6400.0, 2048, 2.0) == pytest.approx([exact], rel=2e-3)


@pytest.mark.parametrize(("f_hz", "share"), [(0.7, 1e-4), (2.0, 1e-4), (3.3, 1e-3), (5.0, 3e-3), (6.9, 0.04)])
@pytest.mark.parametrize(("rate_hz", "hop"), RATES)
def test_vibration_below_the_band_hardly_counts(rate_hz: float, hop: int, f_hz: float, share: float):
    exact = 5000.0 / math.sqrt(2) / (2 * math.pi * f_hz)
    assert max(measured(sine(5000.0, f_hz, rate_hz, 1.7), rate_hz, hop)) < share * exact


@pytest.mark.parametrize("f_hz", [1010.0, 1500.0, 3000.0, 3005.0, 5990.0])
@pytest.mark.parametrize("rate_hz", [12_000.0, 25_600.0, 48_000.0])
def test_vibration_above_the_band_does_not_alias_into_it(rate_hz: float, f_hz: float):
    """1 g. Zone C of the strictest group begins at 2.8 mm/s."""
    assert max(measured(sine(9806.65, f_hz, rate_hz, 1.5), rate_hz, 4096)) < 0.005


def test_the_offset_of_a_sensor_is_left_out():
    """A MEMS sensor shows gravity: 9,807 mm/s²."""
    found = measured(sine(100.0, 30.0, 12_000.0, 1.2) + 9806.65, 12_000.0, 2048)
    assert found == pytest.approx([100.0 / math.sqrt(2) / (2 * math.pi * 30)], rel=2e-3)


def test_a_velocity_sensor_is_not_integrated():
    found = measured(sine(3.0, 25.0, 12_000.0, 1.2), 12_000.0, 2048, velocity=True)
    assert found == pytest.approx([3.0 / math.sqrt(2)], rel=2e-3)


def test_the_channel_with_the_highest_velocity_counts():
    two = np.stack([sine(100.0, 50.0, 12_000.0, 1.2), sine(900.0, 50.0, 12_000.0, 1.2)])
    assert measured(two, 12_000.0, 2048) == pytest.approx(measured(two[1], 12_000.0, 2048))


def test_noise_is_as_in_one_long_transform():
    rng, rate_hz = np.random.default_rng(1), 12_000.0
    noise = rng.standard_normal(round(60 * rate_hz))
    spectrum, f_hz = np.fft.rfft(noise), np.fft.rfftfreq(len(noise), 1 / rate_hz)
    band = (f_hz >= 10) & (f_hz <= 1000)
    exact = math.sqrt(2 * np.sum(np.square(np.abs(spectrum[band]) / (2 * np.pi * f_hz[band])))) / len(noise)
    found = math.sqrt(np.mean(np.square(measured(noise, rate_hz, 2048))))
    # White noise has most of its velocity at the low end, where the band is wider by 1.5 Hz.
    assert found == pytest.approx(1.08 * exact, rel=0.06)


lines = st.lists(
    st.tuples(st.floats(1.0, 1e4), st.floats(12.0, 950.0), st.floats(0, 2 * math.pi)), min_size=1, max_size=4
)


def sum_of(parts: list[tuple[float, float, float]], seconds: float = 1.1) -> np.ndarray:
    return np.sum([sine(a, f_hz, 12_000.0, seconds, phase) for a, f_hz, phase in parts], axis=0)


@given(lines, st.floats(1e-3, 1e3))
def test_the_velocity_grows_with_the_acceleration(parts: list[tuple[float, float, float]], gain: float):
    once, more = measured(sum_of(parts), 12_000.0, 2048), measured(gain * sum_of(parts), 12_000.0, 2048)
    assert more == pytest.approx([gain * value for value in once], rel=1e-3)


@given(st.floats(1.0, 1e4), st.floats(1.0, 1e4), st.floats(12.0, 300.0), st.floats(10.0, 600.0))
def test_the_powers_of_lines_that_are_apart_add_up(one: float, two: float, f_hz: float, apart_hz: float):
    parts = [(one, f_hz, 0.1), (two, f_hz + apart_hz, 0.2)]
    exact = math.hypot(*(a / math.sqrt(2) / (2 * math.pi * f) for a, f, _ in parts))
    assert measured(sum_of(parts), 12_000.0, 2048) == pytest.approx([exact], rel=5e-3)


def test_a_gap_begins_the_frame_anew():
    frames = VelocityFrames(FrameKind(1, 2048, 12_000.0, 10.0, velocity=False))
    index, window = np.array([frames.begin()]), np.ones((1, 1, 2048), np.float32)
    done = [len(frames.add(index, window, np.array([joined]))[0]) for joined in [False, True, True, False] + 6 * [True]]
    assert done == [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]


@given(st.lists(st.sampled_from([0, 1, 2, "gap"]), max_size=60))
def test_frames_do_not_mix(order: list[int | str]):
    """Windows of three sensors in any order, each at its own place in its frame, against each sensor alone."""
    kind = FrameKind(1, 512, 4000.0, 10.0, velocity=False)
    together, alone = VelocityFrames(kind), [VelocityFrames(kind) for _ in range(3)]
    rows = [together.begin() for _ in range(3)]
    single = [np.array([frames.begin()]) for frames in alone]
    rng, joined = np.random.default_rng(0), True
    for step in order:
        if step == "gap":
            joined = False
            continue
        sensors = range(step + 1)
        windows = rng.standard_normal((len(sensors), 1, 512)).astype(np.float32)
        complete, rms = together.add(np.array(rows[: step + 1]), windows, np.full(step + 1, joined))
        expected = [alone[at].add(single[at], windows[[at]], np.array([joined]))[1].tolist() for at in sensors]
        assert dict(zip(complete.tolist(), rms.tolist(), strict=True)) == pytest.approx(
            {at: value[0] for at, value in enumerate(expected) if value}, rel=1e-5
        )
        joined = True


def test_a_frame_that_was_given_back_is_used_again_and_empty():
    frames = VelocityFrames(FrameKind(1, 512, 4000.0, 10.0, velocity=False))
    taken = [frames.begin() for _ in range(5)]
    assert sorted(taken) == [0, 1, 2, 3, 4]
    size, window = frames.nbytes, np.ones((1, 1, 512), np.float32)
    for _ in range(frames.hops - 1):
        frames.add(np.array([taken[2]]), window, np.array([True]))
    frames.end(taken[2])
    assert (frames.growth_bytes, frames.begin(), frames.nbytes) == (0, taken[2], size)
    assert len(frames.add(np.array([taken[2]]), window, np.array([True]))[0]) == 0


@pytest.mark.parametrize(
    ("hop", "rate_hz", "factor"), [(2048, 12_000, 2), (4369, 25_600, 1), (8192, 48_000, 8), (512, 800, 1)]
)
def test_the_decimation_divides_the_window_and_leaves_4_khz(hop: int, rate_hz: float, factor: int):
    assert decimation(hop, rate_hz) == factor


@given(st.integers(1, 10**6))
def test_a_fast_length_has_small_factors_and_loses_little(samples: int):
    length = fast_length(samples)
    assert samples / 1.3 < length <= samples
    for prime in (2, 3, 5):
        while length % prime == 0:
            length //= prime
    assert length == 1


def test_the_band_ends_where_the_sensor_does():
    assert (upper_hz(12_000), upper_hz(1280)) == (1000, 500)
