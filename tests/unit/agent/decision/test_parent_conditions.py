from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.parent_conditions import ParentConditions
from drsn.agent.monitoring.findings import NO_MONITOR, OBSERVED, Findings
from drsn.model.contract import Label, ModelContract, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.reading import Reading
    from drsn.agent.decision.diagnosis import Diagnosis

LABELS = (
    Label(name="ok", condition="normal", healthy=True),
    Label(name="ball", condition="ball", severity=Severity.MINOR, parent="bearing"),
    Label(name="inner_race_007", condition="inner_race", parent="bearing"),
    Label(name="inner_race_014", condition="inner_race", severity=Severity.CRITICAL, parent="bearing"),
    Label(name="imbalance", condition="imbalance", severity=Severity.MINOR),
)
CONTRACT = ModelContract(labels=LABELS, window=256, sample_rate_hz=12_000, bandwidth_hz=5_300, abstention_threshold=0.5)

NO_EVIDENCE = (0.0, 0.0, 0.0, 0.0)
BALL = (0.0, 6.0, -1.0, 0.0)


@pytest.fixture
def diagnosed(make_reading: Callable[..., Reading]) -> Callable[..., Diagnosis]:
    """The diagnosis of one window, with the nats of a bearing detector: normal, ball, inner_race, imbalance."""

    def of(probabilities: tuple[float, ...], nats: tuple[float, ...] | None = None) -> Diagnosis:
        batch = WindowBatch(1)
        batch.append(make_reading())
        outputs = Outputs(np.array([probabilities], np.float32), np.array([0.0], np.float32), None)
        findings = None
        if nats is not None:
            none = np.full((1, len(OBSERVED)), NO_MONITOR, np.float32)
            evidence = np.array([nats], np.float32)
            findings = Findings(evidence, none, np.zeros((1, len(OBSERVED)), np.int8), ((),) * len(OBSERVED), None)
        return Interpreter(CONTRACT).columns(batch, outputs, findings).diagnosis(0)

    return of


def test_the_parents_follow_the_conditions_of_the_labels():
    assert CONTRACT.conditions == ("normal", "ball", "inner_race", "imbalance")
    assert CONTRACT.alarm_conditions == ("normal", "ball", "inner_race", "imbalance", "bearing")
    assert CONTRACT.severity_of("bearing") is Severity.CRITICAL


@pytest.mark.parametrize("nats", [None, NO_EVIDENCE])
def test_without_evidence_of_its_geometry_a_bearing_is_damaged_and_no_race_is_named(
    nats: tuple[float, ...] | None, diagnosed: Callable[..., Diagnosis]
):
    d = diagnosed((0.125, 0.25, 0.25, 0.3125, 0.0625), nats)
    assert (d.condition, d.label, d.confidence) == ("bearing", "bearing", 0.8125)
    assert d.condition_probabilities == {
        "normal": 0.125, "ball": 0.0, "inner_race": 0.0, "imbalance": 0.0625, "bearing": 0.8125,
    }  # fmt: skip
    assert d.label_probabilities["inner_race_014"] == 0.3125  # what the network said


def test_a_parent_makes_no_more_windows_faulty(diagnosed: Callable[..., Diagnosis]):
    """Together the races are more probable than `normal`; none of them is."""
    d = diagnosed((0.375, 0.25, 0.125, 0.1875, 0.0625))
    assert (d.condition, d.label, d.confidence) == ("normal", "ok", 0.375)
    assert d.condition_probabilities["bearing"] == 0.5625


def test_the_bearing_detector_names_what_the_network_finds(diagnosed: Callable[..., Diagnosis]):
    d = diagnosed((0.01, 0.3, 0.2, 0.47, 0.02), BALL)
    assert (d.condition, d.label) == ("ball", "ball")
    assert d.condition_probabilities["bearing"] == 0
    assert d.summed_probabilities["bearing"] == 0


def test_a_detector_and_a_network_that_disagree_name_no_race(diagnosed: Callable[..., Diagnosis]):
    d = diagnosed((0.01, 0.01, 0.31, 0.65, 0.02), (0.0, 0.5, -0.5, 0.0))
    assert d.condition == "bearing"


def test_a_condition_without_a_parent_stays_as_it_is(diagnosed: Callable[..., Diagnosis]):
    for nats in (None, NO_EVIDENCE, (0.0, 1.0, 0.0, 0.0)):
        d = diagnosed((0.05, 0.01, 0.01, 0.01, 0.92), nats)
        assert (d.condition, d.label) == ("imbalance", "imbalance")


@given(
    rows=st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 4), min_size=1, max_size=8),
    nats=st.none() | st.tuples(*[st.floats(-9, 9, width=32)] * 4),
)
def test_the_probabilities_keep_their_sum(rows: list[tuple[float, ...]], nats: tuple[float, ...] | None):
    """And one window alone has the same numbers as in a batch, bit for bit."""
    p = np.array(rows, np.float32)
    p /= np.maximum(p.sum(axis=1, keepdims=True), np.float32(1e-3))
    evidence = None if nats is None else np.array([nats] * len(p), np.float32)
    parents = ParentConditions(CONTRACT)
    of_all = parents(p, parents.named(p, evidence))
    np.testing.assert_allclose(of_all.sum(axis=1), p.sum(axis=1), rtol=1e-5)
    for row, expected in enumerate(of_all):
        one = p[row : row + 1]
        alone = parents(one, parents.named(one, None if evidence is None else evidence[:1]))
        assert alone[0].tobytes() == expected.tobytes()
