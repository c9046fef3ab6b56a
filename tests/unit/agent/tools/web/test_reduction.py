from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from drsn.agent.tools.web.reduction import curve, spectrum, threshold_blocks, waveform_columns

RATE_HZ = 1000.0


@given(
    npst.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 200)), elements=st.floats(-8, 8, width=32)),
    st.integers(1, 100),
)
def test_the_extremes_of_the_signal_are_kept_in_few_columns(windows: np.ndarray, columns: int):
    count = windows.shape[1]
    starts_s = [index * count / RATE_HZ for index in range(len(windows))]
    found = waveform_columns(starts_s, windows, RATE_HZ, columns)
    assert len(found["t"]) == len(found["min"]) == len(found["max"]) <= columns + len(windows)
    assert found["t"] == sorted(found["t"])
    assert min(found["min"]) == pytest.approx(windows.min(), rel=1e-4, abs=1e-30)
    assert max(found["max"]) == pytest.approx(windows.max(), rel=1e-4, abs=1e-30)
    assert all(low <= high for low, high in zip(found["min"], found["max"], strict=True))


@given(st.integers(0, 100))
def test_samples_of_two_windows_are_drawn_once(overlap: int):
    signal = np.arange(200 - overlap, dtype=np.float32)
    windows = np.stack([signal[:100], signal[100 - overlap :]])
    found = waveform_columns([0.0, (100 - overlap) / RATE_HZ], windows, RATE_HZ)
    assert found["min"] == found["max"] == signal.tolist()
    assert found["t"] == pytest.approx(signal / RATE_HZ)


def test_a_gap_is_no_line():
    found = waveform_columns([0.0, 5.0], np.ones((2, 4), np.float32), RATE_HZ)
    assert found["min"] == [1, 1, 1, 1, None, 1, 1, 1, 1]
    assert found["t"][4] == pytest.approx(0.004)


def test_a_sine_has_its_amplitude_at_its_frequency():
    t_s = np.arange(1000) / RATE_HZ
    f_hz, amplitude = spectrum(np.stack([3 + 2 * np.sin(2 * np.pi * 50 * t_s)] * 2).astype(np.float32), RATE_HZ)
    assert f_hz[amplitude.argmax()] == 50
    assert amplitude.max() == pytest.approx(2.0, rel=0.01)
    assert amplitude[0] == pytest.approx(0.0, abs=1e-3)


def test_no_line_of_a_spectrum_is_lost():
    f_hz, amplitude = np.arange(10_000.0), np.zeros(10_000)
    amplitude[4321] = 1.0
    found = curve(f_hz, amplitude, 5000.0)
    assert len(found["f_hz"]) <= 2000
    assert found["f_hz"][found["amplitude"].index(1.0)] == 4321.0
    assert found["f_hz"][-1] <= 5000.0


def test_threshold_factors_come_by_block():
    alpha = np.array([[0.1, 0.3, 0.5], [0.1, 0.3, 0.7]], np.float32)
    first, second = threshold_blocks(alpha, (2, 1))
    assert first == {"block": 0, "alpha_mean": pytest.approx(0.2), "alpha_max": pytest.approx(0.3)}
    assert second == {"block": 1, "alpha_mean": pytest.approx(0.6), "alpha_max": pytest.approx(0.7)}
