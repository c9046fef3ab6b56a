from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.diagnosis import UNKNOWN, Diagnosis, Interpreter

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.reading import Reading
    from drsn.model.contract import ModelContract

NAN = float("nan")


@pytest.fixture
def diagnosed(contract: ModelContract, make_reading: Callable[..., Reading]) -> Callable[..., Diagnosis]:
    """The verdict on one window; labels are normal, inner_race_007, inner_race_014, ball."""

    def of(probabilities: list[float], novelty: float = -1.0, threshold: float | None = 0.0) -> Diagnosis:
        outputs = Outputs(np.array([probabilities], np.float32), np.array([novelty], np.float32), None)
        with_threshold = contract.model_copy(update={"abstention_threshold": threshold})
        return Interpreter(with_threshold)([make_reading()], outputs)[0]

    return of


def test_a_condition_is_as_probable_as_its_labels_together(diagnosed: Callable[..., Diagnosis]):
    """The most probable label alone would say normal."""
    d = diagnosed([0.375, 0.25, 0.3125, 0.0625])
    assert (d.condition, d.label, d.confidence) == ("inner_race", "inner_race_014", 0.5625)
    assert d.condition_probabilities == {"normal": 0.375, "inner_race": 0.5625, "ball": 0.0625}
    assert d.label_probabilities["inner_race_007"] == 0.25


@pytest.mark.parametrize(
    ("novelty", "threshold", "condition"),
    [(0.0, 0.0, "ball"), (0.1, 0.0, UNKNOWN), (NAN, 0.0, UNKNOWN), (1e9, None, "ball"), (NAN, None, UNKNOWN)],
)
def test_the_model_abstains_above_its_threshold_and_from_nan(
    novelty: float, threshold: float | None, condition: str, diagnosed: Callable[..., Diagnosis]
):
    d = diagnosed([0.0, 0.0, 0.25, 0.75], novelty, threshold)
    assert d.condition == condition
    assert (d.label, d.confidence) == ("ball", 0.75)  # what it would have said


@pytest.mark.parametrize("probabilities", [[0.0, 0.6, 0.4000001, 0.0], [NAN] * 4], ids=["rounding", "nan"])
def test_a_probability_is_always_one_that_an_event_can_say(
    probabilities: list[float], diagnosed: Callable[..., Diagnosis]
):
    d = diagnosed(probabilities, novelty=NAN)
    assert all(0 <= p <= 1 for p in (d.confidence, *d.condition_probabilities.values()))


def test_each_row_belongs_to_its_reading(contract: ModelContract, make_reading: Callable[..., Reading]):
    readings = [make_reading(end) for end in range(4)]
    outputs = Outputs(np.eye(4, dtype=np.float32), np.array([-1, -2, -3, 4], np.float32), None)
    found = [(d.reading, d.condition, d.novelty) for d in Interpreter(contract)(readings, outputs)]
    assert found == [
        (readings[0], "normal", -1),
        (readings[1], "inner_race", -2),
        (readings[2], "inner_race", -3),
        (readings[3], UNKNOWN, 4),
    ]


def test_a_row_of_the_columns_is_what_its_reading_gives(contract: ModelContract, make_reading: Callable[..., Reading]):
    batch = WindowBatch(8)
    for at in range(5):
        batch.append(make_reading(at, fault="flat" if at == 2 else None, rpm=900.0 if at == 3 else None))
    probabilities = np.array([[0.4, 0.3, 0.2, 0.1]] * 3 + [[NAN] * 4, [0.0, 0.6, 0.4000001, 0.0]], np.float32)
    outputs = Outputs(probabilities, np.array([-1, 0, 1, 2, 1e-9], np.float32), None)
    interpret = Interpreter(contract)
    columns = interpret.columns(batch, outputs)
    found = [columns.diagnosis(row) for row in range(batch.size)]
    assert found[:3] == interpret([batch.reading(row) for row in range(batch.size)], outputs)[:3]
    assert repr(found) == repr(interpret([batch.reading(row) for row in range(batch.size)], outputs)), "NaN is not NaN"
    assert [d.condition for d in found] == ["inner_race", "inner_race", "sensor_fault", UNKNOWN, UNKNOWN]
