"""The statistics of a baseline; an allowance never makes the model abstain more."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.decision.baseline import (
    Baseline,
    BaselineStatistics,
    HealthyWindow,
    location_and_scale,
    statistics_of,
    with_allowance,
)
from drsn.agent.decision.diagnosis import UNKNOWN, Diagnosis
from drsn.agent.monitoring.baseline_model import LEAST_WINDOWS, UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.reading import Reading

BUNDLE, OTHER = "0" * 64, "1" * 64
novelties = st.lists(st.floats(-50, 50), min_size=LEAST_WINDOWS, max_size=200)


def healthy(novelty: list[float], rms: float = 0.5) -> list[HealthyWindow]:
    return [HealthyWindow(value, rms, "normal") for value in novelty]


@pytest.fixture(scope="session")
def doubtful(make_reading: Callable[..., Reading]) -> Diagnosis:
    probabilities = {"normal": 0.2, "ball": 0.7, "inner_race": 0.1}
    return Diagnosis(make_reading(), UNKNOWN, "ball", 0.7, probabilities, {}, 3.0)


@given(novelty=novelties, threshold=st.floats(-50, 50))
def test_the_allowance_accepts_95_in_100_of_what_was_seen(novelty: list[float], threshold: float):
    learnt = statistics_of(healthy(novelty), threshold)
    assert learnt.allowance >= 0
    accepted = np.mean(np.array(novelty) <= threshold + learnt.allowance + 1e-9)
    # A quantile between two values leaves the upper one out.
    assert accepted >= 0.95 - 1 / len(novelty)


@given(novelty=novelties, by=st.floats(-10, 10))
def test_a_shift_of_novelty_and_threshold_together_changes_nothing(novelty: list[float], by: float):
    one = statistics_of(healthy(novelty), 0.0)
    other = statistics_of(healthy([value + by for value in novelty]), by)
    assert other.allowance == pytest.approx(one.allowance, abs=1e-9)
    assert other.novelty_spread == pytest.approx(one.novelty_spread, abs=1e-9)


@given(values=st.lists(st.floats(-10, 10), min_size=30, max_size=100), odd=st.floats(1e3, 1e9))
def test_a_tenth_of_odd_windows_moves_location_and_scale_within_what_the_others_are(values: list[float], odd: float):
    spoilt = values + [odd] * (len(values) // 9)
    location, scale = location_and_scale(spoilt)
    assert min(values) <= location <= max(values)
    assert scale <= 1.4826 * (max(values) - min(values))


def test_location_and_scale_of_normal_values_are_their_mean_and_deviation():
    location, scale = location_and_scale(np.random.default_rng(1).normal(3.0, 2.0, 100_000))
    assert (location, scale) == (pytest.approx(3.0, abs=0.03), pytest.approx(2.0, abs=0.03))


def test_a_model_that_never_abstains_needs_no_allowance():
    assert statistics_of(healthy([9.0] * 40), None).allowance == 0.0


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (healthy([0.0] * 39) + healthy([0.0], rms=0.0), "RMS of 0"),
        (healthy([0.0] * 39 + [math.nan]), "not numbers"),
        (healthy([0.0] * 39 + [math.inf]), "not numbers"),
    ],
)
def test_what_is_not_fit_is_not_learnt(seen: list[HealthyWindow], reason: str):
    with pytest.raises(UnfitError, match=reason):
        statistics_of(seen, 0.0)


def test_a_window_within_the_allowance_is_named_and_one_beyond_it_is_not(doubtful: Diagnosis):
    named = with_allowance(doubtful, 1.0, 2.5)
    assert named == replace(doubtful, condition="ball")
    assert named.novelty == doubtful.novelty, "so a CUSUM weighs the window as before"
    assert with_allowance(doubtful, 1.0, 1.5) is doubtful
    assert with_allowance(doubtful, None, 9.0) is doubtful
    assert with_allowance(replace(doubtful, novelty=math.nan), 1.0, 99.0).condition == UNKNOWN


@given(novelty=st.floats(-5, 5), threshold=st.floats(-5, 5), allowance=st.floats(0, 5))
def test_an_allowance_never_makes_the_model_abstain(
    doubtful: Diagnosis, novelty: float, threshold: float, allowance: float
):
    condition = "ball" if novelty <= threshold else UNKNOWN
    before = replace(doubtful, novelty=novelty, condition=condition)
    after = with_allowance(before, threshold, allowance)
    assert (after.condition == UNKNOWN) == (novelty > threshold + allowance)
    if before.condition != UNKNOWN:
        assert after is before


def test_another_bundle_gets_no_allowance():
    commission = Baseline(BaselineStatistics(350, 0.0, 1.0, 0.5, 0.01, 1.0, 2.0), BUNDLE, 0.1, 1, "ana")
    assert (commission.allowance(BUNDLE), commission.allowance(OTHER)) == (2.0, 0.0)


@given(novelty=novelties, gate=st.none() | st.floats(1e-6, 1e6), comment=st.none() | st.text(max_size=20))
def test_it_survives_the_store_and_states_of_earlier_versions_have_none(
    novelty: list[float], gate: float | None, comment: str | None
):
    adapter = TypeAdapter(SensorState)
    learnt = statistics_of(healthy(novelty), 0.0)
    sensor = replace(SensorState.new(["ball"]), commission=Baseline(learnt, BUNDLE, gate, 1, "ana", comment))
    assert adapter.validate_json(adapter.dump_json(sensor)) == sensor
    assert adapter.validate_json('{"conditions": {}, "seq": 3}').commission is None
