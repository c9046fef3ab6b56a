from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.acquisition.sensor_faults import WindowStats, find_fault
from drsn.model.foreign_signals import STRANGERS, made

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
