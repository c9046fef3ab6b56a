import numpy as np
import pytest
from numpy.typing import NDArray

from drsn.model.conditioning import Conditioner, RateTooLowError, band_mask, check_rate, native_window

WINDOW, RATE_HZ, BANDWIDTH_HZ = 2048, 12_000.0, 5_300.0


def tone(frequency_hz: float, rate_hz: float, n_samples: int) -> NDArray[np.float32]:
    """Unit amplitude, under a Hann window so that it has no step where the spectrum wraps round."""
    time_s = np.arange(n_samples) / rate_hz
    return (np.hanning(n_samples) * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def conditioned(x: NDArray[np.float32], rate_hz: float) -> NDArray[np.float32]:
    out = np.empty((*x.shape[:-1], WINDOW), np.float32)
    Conditioner(WINDOW, RATE_HZ, BANDWIDTH_HZ, rate_hz)(x, out)
    return out


def test_the_mean_goes():
    x = tone(1000, RATE_HZ, WINDOW)
    np.testing.assert_allclose(conditioned(x + np.float32(9.81), RATE_HZ), conditioned(x, RATE_HZ), atol=1e-5)
    assert not conditioned(np.full(WINDOW, 2.0, np.float32), RATE_HZ).any()


@pytest.mark.parametrize("frequency_hz", [30.0, 1000.0, 4990.0])
def test_a_tone_in_the_band_passes_unchanged(frequency_hz: float):
    x = tone(frequency_hz, RATE_HZ, WINDOW)
    np.testing.assert_allclose(conditioned(x, RATE_HZ), x - x.mean(), atol=2e-3)


@pytest.mark.parametrize("frequency_hz", [5_400.0, 5_900.0])
def test_a_tone_above_the_band_goes(frequency_hz: float):
    assert np.abs(conditioned(tone(frequency_hz, RATE_HZ, WINDOW), RATE_HZ)).max() < 1e-3


@pytest.mark.parametrize("rate_hz", [10_600.0, 12_800.0, 25_600.0, 48_000.0, 51_200.0])
def test_every_rate_gives_the_same_window(rate_hz: float):
    """The same 171 ms, sampled faster or slower: the model sees one signal."""
    native = native_window(WINDOW, rate_hz, RATE_HZ)
    assert abs(native / rate_hz - WINDOW / RATE_HZ) <= 0.5 / rate_hz
    # Tones by cycles in the window, for its rounding to whole samples (0.02 % at 12.8 kHz) is not the matter here.
    x, expected = (tone(50, n, n) + tone(740, n, n) for n in (native, WINDOW))
    np.testing.assert_allclose(conditioned(x, rate_hz), expected - expected.mean(), atol=5e-3)


def test_a_tone_that_would_alias_does_not():
    x = tone(13_000, 48_000.0, 4 * WINDOW)  # decimation without a filter would fold it to 1 kHz
    assert np.abs(conditioned(x, 48_000.0)).max() < 1e-3


def test_windows_do_not_depend_on_their_neighbours():
    x = np.random.default_rng(1).standard_normal((3, 2, WINDOW)).astype(np.float32)
    np.testing.assert_allclose(conditioned(x, RATE_HZ)[1, 1], conditioned(x[1, 1], RATE_HZ), atol=1e-6)


def test_a_rate_too_low_is_refused_and_says_what_would_do():
    check_rate(10_600, BANDWIDTH_HZ)
    with pytest.raises(RateTooLowError, match="10600 Hz"):
        Conditioner(WINDOW, RATE_HZ, BANDWIDTH_HZ, 10_599.0)


def test_the_mask_falls_from_one_to_zero_within_its_edge():
    mask = band_mask(WINDOW, RATE_HZ, BANDWIDTH_HZ)
    frequency_hz = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    assert mask[0] == 0
    assert (mask[(frequency_hz > 0) & (frequency_hz <= 0.95 * BANDWIDTH_HZ)] == 1).all()
    assert not mask[frequency_hz >= BANDWIDTH_HZ].any()
    assert (np.diff(mask[1:]) <= 0).all()
