from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.export.parity import Comparison, compare

TOLERANCE = 1e-3
EXPECTED = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.4996, 0.5004, 0.0]], np.float32)  # the last is nearly a tie
NOVELTY = np.array([-2.0, -1.0, 0.5], np.float32)


def compared(
    probabilities: np.ndarray = EXPECTED,
    novelty: np.ndarray = NOVELTY,
    threshold: float | None = 0.0,
    reference: np.ndarray = EXPECTED,
) -> Comparison:
    return compare("torch ~ other", (reference, NOVELTY), (probabilities, novelty), threshold, TOLERANCE)


def moved(window: int, *change: float) -> np.ndarray:
    changed = EXPECTED.copy()
    changed[window] += np.array(change, np.float32)
    return changed


def test_the_same_answers_agree_fully():
    comparison = compared()
    assert comparison.passed
    assert str(comparison).startswith("ok")
    assert (comparison.parity.max_abs, comparison.parity.label_agreement, comparison.parity.windows) == (0, 1, 3)


@pytest.mark.parametrize(("difference", "passes"), [(0.9e-3, True), (1.1e-3, False)])
def test_the_tolerance_is_of_the_largest_difference(difference: float, passes: bool):  # noqa: FBT001
    comparison = compared(moved(1, -difference, 0, difference))
    assert comparison.passed is passes
    assert comparison.parity.max_abs == pytest.approx(difference, rel=1e-3)


def test_another_label_on_a_near_tie_is_the_same_answer():
    comparison = compared(moved(2, 0.0008, -0.0008, 0))
    assert comparison.passed
    assert comparison.parity.label_agreement == 1


def test_another_label_on_a_clear_window_fails():
    comparison = compared(moved(0, -0.6, 0.6, 0))
    assert not comparison.passed
    assert str(comparison).startswith("FAIL")
    assert comparison.parity.label_agreement == pytest.approx(1 / 2)  # of the two clear ones


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("side", ["probabilities", "novelty", "reference"])
def test_nan_and_infinity_fail_on_either_side_and_can_still_be_reported(bad: float, side: str):
    values = {"novelty": NOVELTY}.get(side, EXPECTED).copy()
    values.flat[0] = bad
    comparison = compared(**{side: values})
    assert not comparison.passed
    assert "NaN or infinity" in str(comparison)
    json.dumps(comparison.parity.model_dump(), allow_nan=False)


@pytest.mark.parametrize(("threshold", "agreement"), [(0.0, 2 / 3), (5.0, 1.0), (None, 1.0)])
def test_abstentions_are_compared_by_the_threshold(threshold: float | None, agreement: float):
    novelty = np.array([-2.0, 1.0, 0.5], np.float32)
    comparison = compared(novelty=novelty, threshold=threshold)
    assert comparison.abstention_agreement == pytest.approx(agreement)
    assert not comparison.passed


def test_a_novelty_that_is_off_fails_even_when_nobody_abstains():
    assert not compared(novelty=NOVELTY + np.float32(0.01), threshold=None).passed
    assert compared(novelty=NOVELTY + np.float32(0.0005), threshold=None).passed


def test_an_abstention_on_the_threshold_may_fall_either_way():
    assert compared(novelty=NOVELTY - np.float32(0.0002), threshold=0.4999).passed


@given(st.integers(0, 2**32 - 1))
def test_whatever_lies_within_the_tolerance_passes(seed: int):
    """Labels can't disagree there: only near ties can turn over."""
    rng = np.random.default_rng(seed)
    reference = rng.dirichlet(np.full(3, 0.7), 20).astype(np.float32)
    noise = rng.uniform(-0.99 * TOLERANCE, 0.99 * TOLERANCE, reference.shape).astype(np.float32)
    novelty = rng.standard_normal(20).astype(np.float32)
    assert compare("a ~ b", (reference, novelty), (reference + noise, novelty), None, TOLERANCE).passed
