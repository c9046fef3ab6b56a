from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.calibration import fit_temperature, fit_threshold, negative_log_likelihood, reliability


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_overconfidence_of_a_known_amount_is_taken_back(temperature: float):
    """Labels are drawn from the true probabilities; the logits claim them `temperature` times as sharply."""
    generator = torch.Generator().manual_seed(5)
    honest = 2 * torch.randn(4_000, 5, generator=generator)
    label = torch.multinomial(honest.softmax(dim=1), 1, generator=generator)[:, 0]
    assert fit_temperature(honest * temperature, label) == pytest.approx(temperature, rel=0.08)


@pytest.mark.parametrize(("label", "temperature"), [(0, 0.135), (1, 7.39)])
def test_logits_that_are_always_right_or_always_wrong_stay_in_bounds(label: int, temperature: float):
    logits = torch.tensor([[5.0, 0.0]]).repeat(10, 1)
    assert fit_temperature(logits, torch.full((10,), label)) == pytest.approx(temperature, rel=0.01)


@given(
    novelty=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=50),
    acceptance=st.floats(0.01, 0.999),
)
def test_no_more_windows_are_refused_than_was_asked_for(novelty: list[float], acceptance: float):
    values = np.array(novelty, np.float32)
    refused = np.mean(values > fit_threshold(values, acceptance))
    assert refused <= 1 - acceptance + 1 / len(values)


def test_the_threshold_refuses_the_share_that_was_asked_for():
    novelty = np.random.default_rng(2).standard_normal(10_000).astype(np.float32)
    assert np.mean(novelty > fit_threshold(novelty, 0.995)) == pytest.approx(0.005, abs=2e-4)


def drawn(sharpness: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, `sharpness` times as sure as the labels that were drawn warrant."""
    generator = torch.Generator().manual_seed(7)
    honest = 2 * torch.randn(n, 5, generator=generator)
    label = torch.multinomial(honest.softmax(dim=1), 1, generator=generator)[:, 0]
    return (honest * sharpness).softmax(dim=1).numpy(), label.numpy()


def test_honest_probabilities_have_no_calibration_error_however_few_there_are():
    errors = [reliability(p[i : i + 200], y[i : i + 200]).error for p, y in [drawn(1.0)] for i in range(0, 20_000, 200)]
    assert np.mean(np.square(errors)) < 0.05**2  # the plain estimate has 0.1 here
    assert reliability(*drawn(1.0)).error < 0.01


@pytest.mark.parametrize(("sharpness", "least"), [(3.0, 0.1), (0.3, 0.1)])
def test_too_much_and_too_little_confidence_are_errors(sharpness: float, least: float):
    assert reliability(*drawn(sharpness)).error > least


def test_bins_hold_all_windows_and_rise_in_confidence():
    bins = reliability(*drawn(1.0, n=1003))
    assert bins.count.sum() == 1003
    assert bins.count.max() - bins.count.min() <= 1
    assert (np.diff(bins.confidence) >= 0).all()


def test_two_windows_are_enough():
    assert reliability(np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), np.array([0, 1])).error >= 0


def test_the_likelihood_is_that_of_the_true_label_and_finite_when_it_was_ruled_out():
    certain = np.array([[0.5, 0.5], [0.25, 0.75]], np.float32)
    assert negative_log_likelihood(certain, np.array([0, 0])) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert np.isfinite(negative_log_likelihood(np.array([[0.0, 1.0]], np.float32), np.array([0])))
