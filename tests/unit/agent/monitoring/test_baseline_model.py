from __future__ import annotations

import numpy as np
import pytest
from baseline_windows import CONDITIONS, baseline, drawn, unknown_speed
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.baseline_features import ENVELOPE, FEATURES, LEVEL, MODEL, SPECTRUM
from drsn.agent.monitoring.baseline_model import (
    LEAST_WINDOWS,
    LEVEL_WIDTH,
    MAX_STATES,
    MOST_DEPENDENCE,
    SPEED_MARGIN,
    UnfitError,
    learn,
    overstatement,
    states_of,
)
from drsn.agent.monitoring.baseline_score import BOUND_NATS, shift_nats, tempered


def test_location_and_scale_are_those_of_the_windows():
    state = baseline(drawn(400) + np.float32(3)).states[0]
    assert state.location == pytest.approx(np.full(FEATURES, 3), abs=0.04)
    assert state.scale[: MODEL.start] == pytest.approx(np.full(MODEL.start, 0.1), abs=0.025)
    assert state.windows == 400


def test_a_tenth_of_odd_windows_hardly_moves_them():
    features = drawn(400)
    features[::10, SPECTRUM] += 20
    state = baseline(features, 1_500.0).states[0]
    assert np.abs(state.location[SPECTRUM]).max() < 0.05
    assert state.scale[SPECTRUM].max() < 0.15


def test_too_few_windows_are_refused():
    with pytest.raises(UnfitError, match="29 windows are too few, 30 are needed"):
        baseline(drawn(LEAST_WINDOWS - 1))


def test_few_windows_weigh_less_and_more_windows_weigh_more():
    costs = [float(np.median(baseline(drawn(windows), 1_500.0).states[0].cost)) for windows in (30, 100, 400)]
    assert costs[0] > 0.1 > costs[1] >= costs[2]
    assert costs[0] < BOUND_NATS / 2


@pytest.mark.parametrize("windows", [30, 350])
def test_e_to_the_weight_has_a_mean_of_one_at_most_over_the_windows_and_the_worst_one(windows: int):
    features = np.random.default_rng(2).standard_t(2, (windows, FEATURES)).astype(np.float32)  # heavy tails
    features[:, LEVEL] = 0
    state = baseline(features, 1_500.0).states[0]
    nats = tempered(shift_nats(features - state.location, SPEED_MARGIN, state.scale), state.dependence) - state.cost
    assert np.exp(nats).mean(axis=0).max() < 1.1  # but for the block that is left out
    worst = BOUND_NATS / state.dependence - state.cost
    counted = windows / state.dependence
    assert ((counted * np.exp(nats).mean(axis=0) + np.exp(worst)) / (counted + 1)).max() < 1.1


def test_slow_drift_makes_windows_dependent():
    features = drawn(400)
    features[:, ENVELOPE.start] += np.linspace(0, 2, 400, dtype=np.float32)
    dependence = baseline(features, 1_500.0).states[0].dependence
    assert dependence[ENVELOPE.start] == MOST_DEPENDENCE
    assert np.median(dependence) < 1.5


def test_speeds_make_states():
    rpm = np.repeat([600.0, 1_200.0, 1_250.0], 100)
    learnt = baseline(drawn(300), rpm)
    assert learnt.by_speed
    assert sorted(round(float(np.exp(state.middle))) for state in learnt.states) == [600, 1_225]
    assert learnt.windows == 300


def test_levels_make_states_where_the_speed_is_not_known():
    features = np.concatenate([drawn(200), drawn(100, level=2.0)])
    learnt = baseline(features)
    assert not learnt.by_speed
    assert [state.windows for state in learnt.states] == [200, 100]


def test_a_machine_of_no_lasting_state_is_refused():
    features = drawn(300)
    features[:, LEVEL] = np.linspace(-40, 40, 300, dtype=np.float32)[:, np.newaxis]
    with pytest.raises(UnfitError, match="not steady: 300 of 300 windows are in no operating state"):
        baseline(features)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=300))
def test_states_are_large_enough_narrow_and_apart(levels: list[float]):
    at = np.array(levels)
    states = states_of(at, LEVEL_WIDTH)
    assert len(states) <= MAX_STATES
    assert all(len(rows) >= LEAST_WINDOWS and np.ptp(at[rows]) <= 3 * LEVEL_WIDTH + 1e-9 for rows in states)
    joined = np.concatenate([*states, np.zeros(0, np.intp)])
    assert len(joined) == len(set(joined.tolist()))


def test_a_feature_that_windows_lack_is_absent():
    features = drawn(100)
    features[:, ENVELOPE.start] = np.nan
    features[::50, ENVELOPE.start + 1] = np.nan
    learnt = baseline(features, 1_500.0)
    for state in (*learnt.states, learnt.elsewhere):
        assert np.isfinite(state.location[ENVELOPE.start + 1])
        assert np.isfinite(state.cost).all()
    assert np.isnan(learnt.states[0].location[ENVELOPE.start])


def test_elsewhere_a_line_of_the_envelope_may_lie_in_a_band_nearby():
    features = drawn(100)
    features[:, ENVELOPE.start + 10] += 3
    location = baseline(features).elsewhere.location[ENVELOPE]
    assert [at for at, value in enumerate(location) if value > 2] == list(range(7, 14))


def test_probabilities_that_are_no_numbers_are_refused():
    odds = np.full((100, 2), np.nan, np.float32)
    with pytest.raises(UnfitError, match="drsn-export verify"):
        learn(drawn(100), unknown_speed(100), odds, CONDITIONS)


def test_what_the_model_says_too_much_is_learnt_and_never_below_nothing():
    odds = np.stack([np.full(100, -4.0), np.full(100, 6.0)], axis=1).astype(np.float32)
    assert learn(drawn(100), unknown_speed(100), odds, CONDITIONS).fault_nats == {"ball": 0.0, "outer_race": 6.0}


@given(st.lists(st.floats(-20, 20, width=32), min_size=30, max_size=200))
def test_without_the_overstatement_healthy_windows_are_normal(odds: list[float]):
    rest = np.array(odds, np.float32) - overstatement(np.array(odds, np.float32))
    assert np.exp(rest.astype(np.float64)).mean() < 1.001
    assert (rest > 1e-4).mean() <= 0.02
