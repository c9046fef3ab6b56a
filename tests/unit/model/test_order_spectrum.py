from __future__ import annotations

import numpy as np
import pytest

from drsn.model.order_spectrum import BINS, LENGTH, LENGTHS, REVOLUTIONS, Envelope, order_spectrum, to_angle, usable

RATE_HZ = 12_000.0


def modulated(hz: float, samples: int = 4096) -> np.ndarray:
    """Noise that swells at `hz`."""
    seconds = np.arange(samples) / RATE_HZ
    noise = np.random.default_rng(0).standard_normal(samples)
    return ((1 + 0.9 * np.cos(2 * np.pi * hz * seconds)) * noise).astype(np.float32)


def test_the_envelope_swells_as_the_noise_does():
    envelope = Envelope(4096, RATE_HZ, 5300.0)
    found = envelope(modulated(60.0)[None])
    spectrum = np.abs(np.fft.rfft(found[0] - found[0].mean()))
    assert np.fft.rfftfreq(found.shape[1], 1 / envelope.rate_hz)[spectrum.argmax()] == pytest.approx(60, abs=1.5)


def test_gain_and_offset_do_not_matter():
    envelope, x = Envelope(2048, RATE_HZ, 5300.0), modulated(60.0, 2048)[None]
    np.testing.assert_allclose(envelope(x), envelope(1000 * x + 5), rtol=2e-3, atol=1e-3)


def test_a_tone_of_a_gear_does_not_hide_the_rest():
    """The band of the tone is brought to the power of the others."""
    x = modulated(60.0)
    tone = 30 * np.cos(2 * np.pi * 2000 * np.arange(x.size) / RATE_HZ).astype(np.float32)
    envelope = Envelope(4096, RATE_HZ, 5300.0)
    spectrum = np.abs(np.fft.rfft(envelope((x + tone)[None])[0]))[1:]
    assert spectrum.argmax() + 1 == round(60 / RATE_HZ * 4096)


def test_silence_gives_no_error():
    assert np.all(np.isfinite(Envelope(2048, RATE_HZ, 5300.0)(np.zeros((2, 2048), np.float32))))


def test_rows_do_not_depend_on_each_other():
    envelope, x = (
        Envelope(2048, RATE_HZ, 5300.0),
        np.random.default_rng(1).standard_normal((5, 2048)).astype(np.float32),
    )
    whole = envelope(x)
    np.testing.assert_allclose(whole[3:4], envelope(x[3:4]), rtol=1e-5)


@pytest.mark.parametrize("per_bin", [0.4, 1.0, 5.3, 40.0])
def test_angle_bins_are_means_over_their_time(per_bin):
    """A ramp: the mean over a bin is its middle, whether a bin holds many frames or a part of one."""
    ramp = np.arange(2048, dtype=np.float32)[None] + 0.5
    bins, counts, _ = to_angle(ramp, np.array([per_bin]), np.zeros(1), most=10_000)
    middles = (np.arange(counts[0]) + 0.5) * per_bin
    inside = slice(2, counts[0] - 2)
    np.testing.assert_allclose(bins[0, inside], middles[inside], atol=0.6)


def test_bins_go_on_in_the_next_envelope():
    """Two envelopes one after the other have the bins of both together, but for the bin that they share."""
    x = np.random.default_rng(2).random((1, 4000)).astype(np.float32) + 1
    per_bin = np.array([7.3])
    whole, count, _ = to_angle(x, per_bin, np.zeros(1))
    first, n_first, offset = to_angle(x[:, :2000], per_bin, np.zeros(1))
    assert -7.3 < offset[0] <= 0
    second, n_second, _ = to_angle(x[:, 2000:], per_bin, offset)
    assert n_first[0] + n_second[0] == count[0]
    np.testing.assert_allclose(first[0], whole[0, : n_first[0]], rtol=1e-3)
    np.testing.assert_allclose(second[0, 1:], whole[0, n_first[0] + 1 :], rtol=1e-3)


def test_each_row_has_its_own_number_of_bins():
    x = np.ones((2, 2048), np.float32)
    bins, counts, _ = to_angle(x, np.array([5.0, 10.0]), np.zeros(2))
    assert counts.tolist() == [409, 204]
    np.testing.assert_allclose(bins[1, :204], 1, rtol=1e-4)


def test_no_more_bins_than_the_ring_holds():
    x = np.arange(2048, dtype=np.float32)[None]
    bins, counts, _ = to_angle(x, np.array([0.25]), np.zeros(1))
    assert counts[0] == LENGTH == bins.shape[1]
    assert bins[0, -1] == pytest.approx(2047, abs=1), "the newest are kept"


def test_the_longest_length_that_time_and_ring_allow():
    filled = np.array([LENGTH, LENGTH, 50 * BINS, 8 * BINS, 0])
    shaft_hz = np.array([25.0, 10.0, 25.0, 25.0, 25.0])
    assert usable(filled, shaft_hz).tolist() == [LENGTH, 36 * BINS, 48 * BINS, 0, 0]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_line_stands_where_its_order_is(length):
    angle = np.arange(LENGTH) / BINS
    series = np.random.default_rng(3).standard_normal(LENGTH) + 2 * np.cos(2 * np.pi * 5.42 * angle)
    series[length:] = 1e9  # behind what is in use
    found = order_spectrum(series.astype(np.float32)[None], np.array([length]))
    assert found.logs.shape == (1, LENGTH // 2)
    assert found.logs[0, BINS:].argmax() + BINS == pytest.approx(5.42 * REVOLUTIONS, abs=0.3 * LENGTH / length + 0.6)


def test_noise_alone_has_a_mean_power_of_one():
    series = np.random.default_rng(4).standard_normal((40, LENGTH)).astype(np.float32)
    logs = order_spectrum(series, np.full(40, LENGTH)).logs[:, 200:-200]
    assert np.exp(logs).mean() == pytest.approx(1, abs=0.05)
