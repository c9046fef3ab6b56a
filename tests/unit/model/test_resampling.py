from __future__ import annotations

import numpy as np
import pytest

from drsn.model.data.decimation import decimate
from drsn.model.data.recording import Recording
from drsn.model.data.resampling import to_rate


def tone(frequency_hz: float, rate_hz: float, length_s: float = 2.0) -> Recording:
    time_s = np.arange(round(length_s * rate_hz)) / rate_hz
    samples = np.stack([np.sin(2 * np.pi * frequency_hz * time_s), np.cos(2 * np.pi * frequency_hz * time_s)])
    return Recording("a", "normal", samples.astype(np.float32), rate_hz, group="g", rpm=1500.0)


@pytest.mark.parametrize("rate_hz", [44_100.0, 48_000.0, 25_600.0, 20_001.0])
def test_a_tone_is_the_same_tone_at_the_lower_rate(rate_hz: float):
    lower = to_rate(tone(3000, rate_hz), 20_000.0)
    assert (lower.sample_rate_hz, lower.samples.dtype, lower.group, lower.rpm) == (20_000, np.float32, "g", 1500)
    inside = slice(500, -500)  # the spectrum wraps round: the ends ring a little
    np.testing.assert_allclose(lower.samples[:, inside], tone(3000, 20_000.0).samples[:, inside], atol=2e-3)


def test_what_the_lower_rate_can_not_hold_is_gone():
    assert np.abs(to_rate(tone(11_000, 44_100.0), 20_000.0).samples).max() < 1e-3


def test_a_whole_ratio_is_decimation():
    recording = tone(3000, 48_000.0)
    np.testing.assert_allclose(to_rate(recording, 12_000.0).samples, decimate(recording.samples, 4), atol=1e-6)


def test_a_recording_at_the_rate_is_left_alone():
    recording = tone(3000, 20_000.0)
    assert to_rate(recording, 20_000.0) is recording
