from __future__ import annotations

import numpy as np
import pytest

from drsn.model.confidence_interval import ExpectedAccuracy, expected_accuracy, half_width, interval
from drsn.model.corpus import Corpus
from drsn.model.data.recording import Recording
from drsn.model.evaluate import Score


def recording(name: str, label: str = "normal", group: str = "") -> Recording:
    return Recording(name, label, np.zeros((1, 512), np.float32), 12_000.0, group=group)


def score(accuracy: float) -> Score:
    return Score(None, None, accuracy, accuracy, accuracy, 0.0, 0.0, 0.0, 0.0, [[1]])


@pytest.mark.parametrize(("share", "trials", "low", "high"), [(0.5, 10, 0.237, 0.763), (1.0, 10, 0.722, 1.0)])
def test_the_interval_is_wilsons(share: float, trials: int, low: float, high: float):
    assert interval(share, trials) == pytest.approx((low, high), abs=1e-3)
    assert half_width(trials) == pytest.approx(0.263, abs=1e-3)


def test_groups_of_one_label_count_once_and_windows_not_at_all():
    test = (
        recording("a", group="g"),
        recording("b", group="g"),
        recording("c", group="h"),
        recording("d", "ball", "g"),
    )
    found = expected_accuracy([score(0.9)], Corpus((recording("e"),), (), test))
    assert found == ExpectedAccuracy(0.9, *interval(0.9, 3), independent=3)


def test_where_parts_of_a_test_recording_train_no_interval_is_given():
    found = expected_accuracy([score(0.9)], Corpus((recording("a"),), (), (recording("a"),)))
    assert (found.accuracy, found.low, found.high) == (0.9, None, None)
