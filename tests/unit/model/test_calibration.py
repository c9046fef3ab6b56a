from __future__ import annotations

import numpy as np
import pytest
import torch

from drsn.model.calibration import negative_log_likelihood, reliability


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
