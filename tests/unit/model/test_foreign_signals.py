from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.acquisition.sensor_faults import WindowStats, find_fault
from drsn.model.foreign_signals import STRANGERS, made, resonances, shuffled

RATE_HZ, N = 12_000.0, 24_000


@pytest.mark.parametrize("kind", STRANGERS)
def test_each_kind_is_a_signal_of_its_own_that_no_sensor_fault_explains(kind: str):
    first, second = made(RATE_HZ, N, 2, seed=1)[kind]
    assert (first.samples.dtype, first.samples.shape, first.sample_rate_hz) == (np.float32, (1, N), RATE_HZ)
    assert np.isfinite(first.samples).all()
    assert (first.samples != second.samples).any()
    assert {find_fault(WindowStats(first.samples[:, start : start + 2048])) for start in range(0, N - 2048, 2048)} == {
        None
    }


def test_the_same_seed_makes_the_same():
    one, other = (made(RATE_HZ, 1000, 1, seed=4) for _ in range(2))
    for kind in STRANGERS:
        np.testing.assert_array_equal(one[kind][0].samples, other[kind][0].samples)


def test_a_tone_stays_where_it_is_and_a_sweep_moves():
    streams = made(RATE_HZ, N, 8, seed=2)

    def moved_hz(kind: str) -> list[float]:
        spectra = [
            [np.abs(np.fft.rfft(part * np.hanning(part.size))).argmax() for part in (x[:4096], x[-4096:])]
            for x in (stream.samples[0] for stream in streams[kind])
        ]
        return [abs(a - b) * RATE_HZ / 4096 for a, b in spectra]

    assert max(moved_hz("tone")) < 5
    assert np.median(moved_hz("sweep")) > 300


@pytest.mark.parametrize("block", [1, 3, 64, 100])
def test_shuffled_samples_keep_their_values_blocks_and_channels(block: int):
    samples = np.arange(200, dtype=np.float32).reshape(2, 100)
    found = shuffled(samples, block, np.random.default_rng(3))
    assert (found.dtype, found.shape) == (np.float32, (2, 100))
    np.testing.assert_array_equal(np.sort(found, axis=-1), samples)
    np.testing.assert_array_equal(found[1] - found[0], 100)
    whole = found[0, : 100 // block * block].reshape(-1, block)
    np.testing.assert_array_equal(whole - whole[:, :1], np.broadcast_to(np.arange(block), whole.shape))
    if block == 1:
        assert (found != samples).any()


def test_noise_through_resonances_differs_from_window_to_window():
    rng = np.random.default_rng(5)
    windows = [resonances(N, RATE_HZ, rng) for _ in range(20)]
    assert {window.dtype for window in windows} == {np.dtype(np.float32)}
    assert np.isfinite(windows).all()
    peaks_hz = [np.abs(np.fft.rfft(window)).argmax() * RATE_HZ / N for window in windows]
    assert min(peaks_hz) < 500
    assert max(peaks_hz) > 2000
    assert max(peaks_hz) <= 0.46 * RATE_HZ
