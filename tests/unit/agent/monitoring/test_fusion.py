"""Fusion is Bayes' rule: evidence adds, none changes nothing, and only a fault that the detector names lifts doubt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from drsn.agent.monitoring.fusion import DECISIVE_NATS, LEAST, NAMING_NATS, NETWORK_NATS, decisive, fused, trusted

CONDITIONS = 4
P = arrays(np.float32, (3, CONDITIONS), elements=st.floats(0.0009765625, 1, width=32)).map(
    lambda p: (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
)
NATS = arrays(np.float32, (3, CONDITIONS), elements=st.floats(-20, 20, width=32))


@given(p=P, nats=NATS)
def test_log_odds_rise_by_the_difference_of_the_evidence(p: np.ndarray, nats: np.ndarray):
    after = fused(p, nats).astype(np.float64)
    assert after.sum(axis=1) == pytest.approx(1, abs=1e-6)
    change = np.log(np.maximum(after, 1e-30)) - np.log(p.astype(np.float64))
    sure = after > 1e-6
    for row in range(len(p)):
        mine = (change[row] - nats[row])[sure[row]]
        assert mine == pytest.approx(mine[0], abs=1e-3)


@given(p=P, level=st.floats(-5, 5, width=32))
def test_without_evidence_nothing_changes(p: np.ndarray, level: float):
    np.testing.assert_array_equal(fused(p, np.full(p.shape, level, np.float32)), p)
    np.testing.assert_array_equal(fused(np.full_like(p, np.nan), np.zeros_like(p)), np.full_like(p, np.nan))


@given(p=P, first=NATS, second=NATS)
def test_evidence_adds(p: np.ndarray, first: np.ndarray, second: np.ndarray):
    once, twice = fused(p, first + second), fused(fused(p, first), second)
    reached = fused(p, first).min(axis=1) > 10 * LEAST  # else the least probability has cut in between
    np.testing.assert_allclose(twice[reached], once[reached], atol=1e-4)


def test_a_condition_that_the_network_excludes_can_be_named():
    after = fused(np.array([[1, 0, 0, 0]], np.float32), np.array([[0, 30, 0, 0]], np.float32))
    assert after[0, 1] > 0.99


def test_each_row_is_its_own():
    p = np.array([[0.7, 0.1, 0.1, 0.1], [0.25] * 4], np.float32)
    after = fused(p, np.array([[0, 0, 0, 0], [0, 0, 4, 0]], np.float32))
    np.testing.assert_array_equal(after[0], p[0])
    assert after[1].argmax() == 2


@pytest.mark.parametrize(
    ("nats", "best", "expected"),
    [
        ([0, DECISIVE_NATS, 0, 0], 1, True),
        ([0, DECISIVE_NATS - 0.1, 0, 0], 1, False),
        ([0, 9, 8, 0], 1, False),  # it does not say which race
        ([0, 9, 0, 0], 2, False),  # the network has overruled it
        ([9, 0, 0, 0], 0, False),  # no damage frequency: that alone makes no healthy machine
        ([0, 0, -9, 0], 0, False),  # a veto names nothing
    ],
)
def test_only_a_fault_that_it_names_alone_is_decisive(nats: list[float], best: int, expected: bool):  # noqa: FBT001
    assert decisive(np.array([nats], np.float32), np.array([best]), 0).tolist() == [expected]


def test_the_network_weighs_no_more_than_its_bounds():
    """Index 0 is normal: a fault against it by the bound of the sequential rule, a fault against a fault by less."""
    evidence = np.ones((2, 4), np.float32)
    found = np.log(trusted(np.array([[1, 0, 0, 0], [0, 1, 0, 0]], np.float32), evidence, 0))
    assert found[0] == pytest.approx([0, *[-NETWORK_NATS] * 3])
    assert found[1] == pytest.approx([-NETWORK_NATS, 0, -NAMING_NATS, -NAMING_NATS])


@given(p=P)
def test_without_evidence_the_network_is_trusted(p: np.ndarray):
    np.testing.assert_array_equal(trusted(p, np.zeros_like(p), 0), p)
