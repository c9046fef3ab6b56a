from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.cusum import (
    BOUND_NATS,
    DEPENDENCE,
    DOUBT_NATS,
    NOVELTY_PER_NAT,
    YEAR_S,
    LogLikelihoodRatios,
    accumulate,
    accumulate_all,
    ceiling_nats,
    ceilings_nats,
    threshold_nats,
)
from drsn.agent.decision.diagnosis import ANY_FAULT
from drsn.model.contract import Label, ModelContract

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONDITIONS = ("normal", "inner_race", "ball")
PROBABILITIES = st.lists(st.floats(1e-6, 1), min_size=3, max_size=3).map(
    lambda parts: dict(zip(CONDITIONS, (part / sum(parts) for part in parts), strict=True))
)
ZS = st.lists(st.floats(-BOUND_NATS, BOUND_NATS), max_size=30)


LABELS = (
    Label(name="ok", condition="normal", healthy=True),
    Label(name="inner_race_007", condition="inner_race"),
    Label(name="inner_race_014", condition="inner_race"),
    Label(name="ball", condition="ball"),
)
RATIOS = LogLikelihoodRatios(ModelContract(labels=LABELS, window=256, sample_rate_hz=12_000, bandwidth_hz=5_300))


def gather(zs: list[float], share: float = 1.0) -> float:
    evidence = 0.0
    for z in zs:
        evidence = accumulate(evidence, z, share)
    return evidence


@given(probabilities=PROBABILITIES)
def test_a_ratio_is_against_what_else_explains_the_window_best(probabilities: dict[str, float]):
    share = {"normal": 1 / 4, "inner_race": 1 / 2, "ball": 1 / 4}
    found = RATIOS(probabilities)
    assert list(found) == ["inner_race", "ball", ANY_FAULT]
    for name in ("inner_race", "ball"):
        z = found[name]
        against = [probabilities[name] / share[name] / (probabilities[o] / share[o]) for o in CONDITIONS if o != name]
        assert z == pytest.approx(np.clip(math.log(min(against)), -BOUND_NATS, BOUND_NATS))


@given(probabilities=PROBABILITIES)
def test_at_most_one_condition_gains(probabilities: dict[str, float]):
    found = RATIOS(probabilities)
    assert sum(found[name] > 0 for name in ("inner_race", "ball")) <= 1


@given(probabilities=PROBABILITIES)
def test_the_faults_together_are_weighed_against_normal(probabilities: dict[str, float]):
    """It is the ratio of the densities of all windows with a fault, as the training draws them, and of the healthy."""
    normal = probabilities["normal"]
    z = math.log((probabilities["inner_race"] + probabilities["ball"]) / (3 / 4) / (normal / (1 / 4)))
    assert RATIOS(probabilities)[ANY_FAULT] == pytest.approx(np.clip(z, -BOUND_NATS, BOUND_NATS), abs=1e-9)


def test_a_window_without_a_number_is_no_fault():
    assert RATIOS(dict.fromkeys(CONDITIONS, 0.0))[ANY_FAULT] < 0


def test_a_certain_model_is_believed_a_thousand_to_one():
    assert RATIOS({"normal": 0.0, "inner_race": 1.0, "ball": 0.0}) == {
        "inner_race": BOUND_NATS,
        "ball": -BOUND_NATS,
        ANY_FAULT: BOUND_NATS,
    }


def test_the_threshold_is_the_windows_of_a_year_over_the_false_alarms_of_a_year():
    assert threshold_nats(1.0, YEAR_S, 1) == pytest.approx(0)
    assert threshold_nats(0.1, 2048 / 12_000, 3) == pytest.approx(math.log(YEAR_S * 12_000 / 2048 * 4 / 0.1)), "and any"
    assert threshold_nats(0.01, 0.17, 3) > threshold_nats(0.1, 0.17, 3)


@given(zs=ZS, where=st.integers(0, 29), more=st.floats(0, 5))
def test_more_evidence_never_weighs_less(zs: list[float], where: int, more: float):
    stronger = [z + more if index == where else z for index, z in enumerate(zs)]
    assert gather(stronger) >= gather(zs)


@given(zs=ZS, z=st.floats(-BOUND_NATS, BOUND_NATS), share=st.floats(0.01, 1))
def test_no_window_weighs_more_than_the_bound_and_evidence_is_never_negative(zs: list[float], z: float, share: float):
    before = gather(zs)
    after = accumulate(before, z, share)
    assert after >= 0
    assert after - before <= BOUND_NATS * share / DEPENDENCE + 1e-9


def test_windows_that_overlap_count_by_what_is_new_in_them():
    assert gather([5.0] * 4, share=0.25) == pytest.approx(gather([5.0]))


@given(novelty=st.floats(-1e6, 1e6), further=st.floats(0, 1e6), threshold=st.floats(-100, 100))
def test_a_window_weighs_less_the_less_it_is_known(novelty: float, further: float, threshold: float):
    near, far = ceiling_nats(novelty, threshold), ceiling_nats(novelty + further, threshold)
    assert -DOUBT_NATS <= far <= near <= BOUND_NATS
    assert near == BOUND_NATS or novelty > threshold
    assert ceiling_nats(novelty, math.inf) == BOUND_NATS


def test_past_the_threshold_each_nat_costs_the_same_until_doubt_is_all_that_is_left():
    assert ceiling_nats(3.0 + NOVELTY_PER_NAT, 3.0) == pytest.approx(BOUND_NATS - 1)
    assert ceiling_nats(3.0 + 2 * NOVELTY_PER_NAT, 3.0) == pytest.approx(BOUND_NATS - 2)
    for novelty in (1e9, math.inf, math.nan):
        assert ceiling_nats(novelty, 3.0) == -DOUBT_NATS


@given(evidence=st.floats(0, 30), z=st.floats(-BOUND_NATS, BOUND_NATS), ceiling=st.floats(-DOUBT_NATS, BOUND_NATS))
def test_doubt_only_ever_takes(evidence: float, z: float, ceiling: float):
    assert accumulate(evidence, z, 1.0, ceiling) <= accumulate(evidence, z, 1.0)
    if z <= ceiling:
        assert accumulate(evidence, z, 1.0, ceiling) == accumulate(evidence, z, 1.0)


def test_windows_far_from_all_that_is_known_let_evidence_fade():
    evidence = 22.4
    for _ in range(40):
        evidence = accumulate(evidence, BOUND_NATS, 1.0, -DOUBT_NATS)
    assert evidence == 0


@given(rows=st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=40))
def test_the_ratios_of_a_batch_are_bit_for_bit_those_of_its_windows(rows: list[list[float]]):
    probabilities = np.array(rows, np.float32)
    expected = [list(RATIOS(dict(zip(CONDITIONS, row, strict=True))).values()) for row in probabilities.tolist()]
    assert RATIOS.rows(probabilities).tolist() == expected
    assert [RATIOS.rows(probabilities[at : at + 1])[0].tolist() for at in range(len(rows))] == expected


@given(
    novelty=st.lists(st.floats(width=32), min_size=1, max_size=20), threshold=st.none() | st.floats(-100, 100)
)  # fmt: skip
def test_the_ceilings_of_a_batch_are_bit_for_bit_those_of_its_windows(novelty: list[float], threshold: float | None):
    expected = [ceiling_nats(each, threshold) for each in novelty]
    assert ceilings_nats(np.array(novelty), threshold).tolist() == expected


@given(
    windows=st.lists(
        st.tuples(
            st.floats(0, 30),
            st.floats(-BOUND_NATS, BOUND_NATS),
            st.sampled_from([0.25, 1 / 3, 1.0]),
            st.floats(-DOUBT_NATS, BOUND_NATS),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_many_windows_weigh_bit_for_bit_as_one(windows: list[tuple[float, float, float, float]]):
    assert accumulate_all(*np.array(windows).T).tolist() == [accumulate(*window) for window in windows]


def run_lengths(zs: NDArray[np.float64], threshold: float) -> float:
    """Mean number of windows to an alarm, over the rows; all of a row where none came."""
    evidence, alarm = np.zeros(len(zs)), np.full(len(zs), zs.shape[1])
    for at in range(zs.shape[1]):
        evidence = np.maximum(0, evidence + (zs[:, at] - math.log1p(math.exp(-BOUND_NATS))) / DEPENDENCE)
        alarm = np.where((evidence >= threshold) & (alarm == zs.shape[1]), at + 1, alarm)
        evidence[evidence >= threshold] = 0
    return float(alarm.mean())


def gaussian_ratios(shape: tuple[int, int], correlation: float, distance: float) -> NDArray[np.float64]:
    """What a calibrated model says of healthy windows whose only feature is Gaussian, `distance` from the fault's.

    Successive windows are correlated: an autoregression with (1 + r) / (1 - r) windows of autocorrelation time.
    """
    rng = np.random.default_rng(7)
    x = rng.standard_normal(shape)
    for at in range(1, shape[1]):
        x[:, at] = correlation * x[:, at - 1] + math.sqrt(1 - correlation**2) * x[:, at]
    return np.clip(distance * x - distance**2 / 2, -BOUND_NATS, BOUND_NATS)


@pytest.mark.parametrize("distance", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("time_windows", [1.0, DEPENDENCE])
def test_false_alarms_are_as_rare_as_promised(distance: float, time_windows: float):
    """Lorden's bound, for independent windows and for ones as dependent as is allowed for."""
    correlation = (time_windows - 1) / (time_windows + 1)
    threshold = 5.0  # one alarm in 148 windows at the most
    zs = gaussian_ratios((400, 3000), correlation, distance)
    assert run_lengths(zs, threshold) >= math.exp(threshold)
    # Whatever the ceilings hang on, the evidence itself among it.
    for ceilings in (np.full_like(zs, 1.0), np.where(zs > 0, BOUND_NATS, -DOUBT_NATS), np.abs(zs)):
        assert run_lengths(np.minimum(zs, ceilings), threshold) >= math.exp(threshold)


def test_noise_that_is_none_of_the_conditions_stays_below_its_ceiling():
    """As plain noise is to `cwru`: named at random, 18 past the threshold, give or take 5."""
    rng = np.random.default_rng(3)
    zs = rng.uniform(-BOUND_NATS, BOUND_NATS, (200, 3000))
    excess = rng.normal(18, 5, zs.shape)
    ceilings = np.array([[ceiling_nats(novelty, 0.0) for novelty in row] for row in excess])
    assert np.exp(ceilings).mean() > 0.3  # so that the test shows something
    assert run_lengths(np.minimum(zs, ceilings), 22.4) == zs.shape[1]
