"""Level, distribution and spectrum of each noise."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from drsn.model.noise import PAPER_NOISES, Noise, add_noise, spectrum_power, unit_noise, unit_noise_spectrum

N_SAMPLES = 1 << 17


def kurtosis(x: NDArray[np.float32]):
    centred = x - x.mean()
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2)


def slope_db_per_decade(x: NDArray[np.float32]):
    """Of the power spectrum, over its three middle decades."""
    power = np.abs(np.fft.rfft(x.astype(np.float64))) ** 2
    edges = np.geomspace(30, 30_000, 13).astype(int)
    level_db = [10 * np.log10(power[first:last].mean()) for first, last in pairwise(edges)]
    return float(np.polyfit(np.log10(np.sqrt(edges[:-1] * edges[1:])), level_db, 1)[0])


@pytest.mark.parametrize(
    ("kind", "fourth_moment", "slope_db"),
    [(Noise.GAUSSIAN, 3.0, 0.0), (Noise.LAPLACIAN, 6.0, 0.0), (Noise.PINK, 3.0, -10.0)],
)
def test_distribution_and_spectrum(kind: Noise, fourth_moment: float, slope_db: float):
    noise = unit_noise(kind, (N_SAMPLES,), np.random.default_rng(5))
    assert kurtosis(noise) == pytest.approx(fourth_moment, rel=0.1)
    assert slope_db_per_decade(noise) == pytest.approx(slope_db, abs=0.5)


def test_impulses_carry_ten_elevenths_of_the_power_in_a_hundredth_of_the_samples():
    power = np.sort(unit_noise(Noise.IMPULSIVE, (N_SAMPLES,), np.random.default_rng(5)) ** 2)[::-1]
    assert power[: N_SAMPLES // 100].sum() / power.sum() == pytest.approx(10 / 11, abs=0.02)
    assert slope_db_per_decade(unit_noise(Noise.IMPULSIVE, (N_SAMPLES,), np.random.default_rng(5))) == pytest.approx(
        0.0, abs=0.5
    )


def test_networks_are_trained_with_the_papers_noises_alone():
    assert Noise.IMPULSIVE not in PAPER_NOISES
    assert set(PAPER_NOISES) | {Noise.IMPULSIVE} == set(Noise)


@pytest.mark.parametrize("kind", Noise)
@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 12.0])
def test_snr_is_exact_for_each_window_and_ignores_the_offset(kind: Noise, snr_db: float):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((5, 2, 2048), np.float32) * np.float32(0.01) + np.float32(3)
    noise = (add_noise(x, snr_db, kind, rng) - x).astype(np.float64)
    ratio_db = 10 * np.log10(x.astype(np.float64).var(axis=-1) / noise.var(axis=-1))
    np.testing.assert_allclose(ratio_db, snr_db, atol=0.01)


def test_each_window_may_have_its_own_snr():
    x = np.random.default_rng(7).standard_normal((3, 1, 2048)).astype(np.float32)
    snr_db = np.array([0, 10, np.inf], np.float32).reshape(3, 1, 1)
    noise = add_noise(x, snr_db, Noise.GAUSSIAN, np.random.default_rng(8)) - x
    np.testing.assert_allclose(noise.var(axis=-1)[:, 0] / x.var(axis=-1)[:, 0], [1, 0.1, 0], atol=1e-3)


@pytest.mark.parametrize("kind", Noise)
def test_same_generator_same_noise_in_float32(kind: Noise):
    x = np.ones((2, 64), np.float32)
    x[:, ::2] = -1
    first, again = (add_noise(x, 0.0, kind, np.random.default_rng(9)) for _ in range(2))
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)


def test_a_flat_window_stays_flat():
    x = np.full((1, 128), 2, np.float32)
    np.testing.assert_array_equal(add_noise(x, -20.0, Noise.PINK, np.random.default_rng(1)), x)


@pytest.mark.parametrize("n_samples", [1000, 1001])
def test_the_power_of_a_spectrum_is_that_of_its_samples(n_samples: int):
    x = np.random.default_rng(1).standard_normal((3, 2, n_samples)).astype(np.float32) + 5
    np.testing.assert_allclose(spectrum_power(np.fft.rfft(x), n_samples), x.var(axis=-1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize("kind", list(Noise))
@pytest.mark.parametrize("n_samples", [4096, 4095])
def test_noise_drawn_as_a_spectrum_is_the_same_noise(kind: Noise, n_samples: int):
    rng = np.random.default_rng(2)
    drawn = np.fft.irfft(unit_noise_spectrum(kind, (200, n_samples), rng), n=n_samples)
    same = unit_noise(kind, (200, n_samples), rng)
    np.testing.assert_allclose(drawn.var(axis=-1), 1, rtol=1e-4)
    np.testing.assert_allclose(drawn.mean(axis=-1), 0, atol=1e-5)
    ours, theirs = (np.mean(np.abs(np.fft.rfft(noise)) ** 2, axis=0)[1:] for noise in (drawn, same))
    for first, last in ((0, 20), (20, 200), (200, 1000), (1000, 2047)):
        assert ours[first:last].mean() == pytest.approx(theirs[first:last].mean(), rel=0.1)
    kurtosis, expected = (float(np.mean(noise**4)) for noise in (drawn, same))
    assert kurtosis == pytest.approx(expected, rel=0.1)
