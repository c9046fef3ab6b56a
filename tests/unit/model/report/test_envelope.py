from __future__ import annotations

import numpy as np
import pytest

from drsn.model.report.envelope import envelope, envelope_spectrum

RATE_HZ = 12_000.0
BAND_HZ = (1_325.0, 5_300.0)
TIME_S = np.arange(2048) / RATE_HZ


@pytest.fixture
def modulated() -> np.ndarray:
    """A 3 kHz ringing of amplitude 2 that swings by 1 at 107 Hz, over a louder hum of 50 Hz."""
    swing = 2 + np.cos(2 * np.pi * 107 * TIME_S)
    hum = 10 * np.sin(2 * np.pi * 50 * TIME_S)
    return (swing * np.sin(2 * np.pi * 3_000 * TIME_S) + hum).astype(np.float32)


def test_the_envelope_is_the_swing_and_not_the_hum(modulated: np.ndarray):
    middle = slice(200, -200)  # the ends ring
    due = 2 + np.cos(2 * np.pi * 107 * TIME_S)
    np.testing.assert_allclose(envelope(modulated, RATE_HZ, BAND_HZ)[middle], due[middle], atol=0.1)


def test_its_spectrum_has_a_line_where_the_swing_is_and_as_high(modulated: np.ndarray):
    frequency_hz, amplitude = envelope_spectrum(modulated, RATE_HZ, BAND_HZ)
    assert frequency_hz[amplitude.argmax()] == pytest.approx(107, abs=1.5)
    assert amplitude.max() == pytest.approx(1, abs=0.05)
    assert amplitude[(frequency_hz > 40) & (frequency_hz < 60)].max() < 0.05


def test_silence_has_an_empty_spectrum():
    assert not envelope_spectrum(np.zeros(512, np.float32), RATE_HZ, BAND_HZ)[1].any()
