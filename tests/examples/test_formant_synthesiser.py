"""The synthesiser against the formulas and formants of Klatt (1980)."""

import numpy as np
import pytest
from formant_synthesiser import (
    FRAME,
    FRAMES,
    RATE_HZ,
    SAMPLES,
    VOWELS,
    WORDS,
    filtered,
    resonators,
    spoken,
    targets,
)
from scipy import signal


def test_resonators_in_series_are_those_of_scipy():
    rng = np.random.default_rng(0)
    source = rng.standard_normal((3, SAMPLES)).astype(np.float32)
    parameters = np.empty((3, FRAMES, 2, 4))
    parameters[:, :, 0], parameters[:, :, 1] = (500, 1500, 2500, 3300), (60, 90, 150, 250)
    expected = source.astype(np.float64)
    for f_hz, b_hz in ((0, 100), (500, 60), (1500, 90), (2500, 150), (3300, 250)):
        radius = np.exp(-np.pi * b_hz / RATE_HZ)
        poles = [1, -2 * radius * np.cos(2 * np.pi * f_hz / RATE_HZ), radius**2]
        expected = signal.lfilter([sum(poles)], poles, expected, axis=1)
    np.testing.assert_allclose(filtered(source, *resonators(parameters)), expected, rtol=1e-2, atol=1e-4)


def test_a_word_ends_with_the_formants_of_its_vowel():
    count = len(WORDS)
    found = targets(np.arange(count), np.tile(np.linspace(0, 1, FRAMES), (count, 1)), np.ones(count))
    for row, (_, vowel) in enumerate(WORDS.values()):
        np.testing.assert_allclose(found[row, -1, :, :3].ravel(), VOWELS[vowel][1])


def test_the_spectrum_of_a_vowel_peaks_at_its_first_formant():
    """The end of `law` is a steady vowel; harmonics lie at most 250 Hz apart, which is the tolerance."""
    word = np.full(40, list(WORDS).index("law"))
    power = np.square(np.abs(np.fft.rfft(spoken(word, np.random.default_rng(0)), axis=1))).mean(axis=0)
    frequency_hz = np.fft.rfftfreq(SAMPLES, 1 / RATE_HZ)
    assert frequency_hz[power.argmax()] == pytest.approx(630, abs=250)


def test_utterances_are_finite_of_rms_1_and_silent_before_the_word():
    x = spoken(np.arange(200) % len(WORDS), np.random.default_rng(0))
    assert x.shape == (200, SAMPLES)
    assert np.isfinite(x).all()
    np.testing.assert_allclose(np.sqrt(np.square(x).mean(axis=1)), 1, rtol=1e-3)
    assert not x[:, :FRAME].any()


def test_a_generator_in_the_same_state_makes_the_same_speech():
    one, other = (spoken(np.arange(10), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
