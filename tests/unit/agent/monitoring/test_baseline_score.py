from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.baseline_features import ENVELOPE, FEATURES, LEVEL
from drsn.agent.monitoring.baseline_score import (
    BOUND_NATS,
    DOWN,
    EXPERTS,
    FLOOR_NATS,
    PRIOR,
    SPREAD,
    UP,
    mix,
    shift_nats,
    tempered,
)

ONES = np.ones(FEATURES, np.float32)


def test_every_expert_has_weight_before_the_first_window():
    assert PRIOR.sum() == pytest.approx(1)
    assert PRIOR.min() > 0
    assert PRIOR[LEVEL].sum() == pytest.approx(PRIOR[ENVELOPE].sum())


@given(deviation=st.floats(-1e6, 1e6), margin=st.floats(0, 10), scale=st.floats(0.01, 10))
def test_the_weight_of_a_window_has_bounds_and_a_direction(deviation: float, margin: float, scale: float):
    nats = shift_nats(ONES * np.float32(deviation), ONES * np.float32(margin), ONES * np.float32(scale))
    assert nats.shape == (2, FEATURES)
    assert (nats >= FLOOR_NATS).all()
    assert (nats <= BOUND_NATS).all()
    assert (nats[DOWN if deviation > 0 else UP] == FLOOR_NATS).all()


def test_a_feature_within_its_margin_speaks_against_a_change():
    assert (shift_nats(ONES, ONES, ONES) == FLOOR_NATS).all()
    assert (shift_nats(ONES * 100, ONES * np.inf, ONES) == FLOOR_NATS).all()
    assert (shift_nats(ONES * np.nan, ONES, ONES) == FLOOR_NATS).all()


def test_dependence_weakens_only_what_speaks_for_a_change():
    nats = np.array([[[3.0, -2.0]], [[0.0, 1.0]]], np.float32)
    assert tempered(nats, np.full((2, 2), 2.0, np.float32)).tolist() == [[[1.5, -2.0]], [[0.0, 0.5]]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_the_mixture_is_within_its_experts_and_its_weights_stay_a_distribution(seed: int, windows: int):
    rng, weights = np.random.default_rng(seed), PRIOR[np.newaxis].copy()
    for _ in range(windows):
        nats = rng.uniform(FLOOR_NATS, BOUND_NATS, (1, EXPERTS)).astype(np.float32)
        total, best = mix(weights, nats)
        assert nats.min() - 1e-4 <= total[0] <= nats.max() + 1e-4
        assert weights.sum() == pytest.approx(1, abs=1e-5)
        assert (weights[0] >= 0.99 * SPREAD * PRIOR).all()
        assert 0 <= best[0] < EXPERTS


def test_the_mixture_of_fair_experts_is_fair():
    """Each expert gains e^2 or loses with a mean of exactly 1; they are all the same coin, the worst dependence."""
    rng, gain = np.random.default_rng(1), 2.0
    loss = np.log((1 - 0.1 * np.exp(gain)) / 0.9)
    wealth = []
    weights = np.repeat(PRIOR[np.newaxis], 20_000, axis=0)
    for _ in range(5):
        heads = rng.uniform(size=(20_000, 1)) < 0.1
        side = np.arange(EXPERTS) % 2 == 0
        nats = np.where(heads == side, gain, loss).astype(np.float32)
        nats = np.where(side, np.where(heads, gain, loss), FLOOR_NATS).astype(np.float32)
        wealth.append(np.exp(mix(weights, nats)[0]).mean())
    assert max(wealth) < 1.05


def test_one_lasting_change_gets_the_weight_of_a_window_soon():
    weights = PRIOR[np.newaxis].copy()
    nats = np.full((1, EXPERTS), FLOOR_NATS, np.float32)
    nats[0, ENVELOPE.start + 3] = BOUND_NATS
    gains = [float(mix(weights, nats.copy())[0][0]) for _ in range(4)]
    assert gains[0] < 2
    assert gains[3] == pytest.approx(BOUND_NATS, abs=0.1)
    assert int(mix(weights, nats)[1][0]) == ENVELOPE.start + 3
