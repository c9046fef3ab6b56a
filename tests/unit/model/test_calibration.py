from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drsn.model.calibration import fit_temperature, fit_threshold


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


@settings(max_examples=100, deadline=None)
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
