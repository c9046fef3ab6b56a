from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drsn.model.confidence_interval import half_width
from drsn.model.corpus import Corpus
from drsn.model.data.recording import Recording
from drsn.model.dataset_report import DatasetRow, report_dataset
from drsn.model.recipe import recipe_from
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = ("normal", "inner_race", "outer_race")
RATE_HZ = 24_000.0  # a window of 512 samples at 12 kHz has 1,024 of these


def recordings(label: str, count: int, n_samples: int = 10_240, groups: int | None = None) -> tuple[Recording, ...]:
    samples = np.zeros((1, n_samples), np.float32)
    numbers = range(count)
    return tuple(Recording(f"{label}{n}", label, samples, RATE_HZ, group=f"g{n % (groups or count)}") for n in numbers)


def of_each(count: int, **options: int) -> tuple[Recording, ...]:
    return tuple(recording for label in LABELS for recording in recordings(label, count, **options))


@pytest.fixture
def told(tiny: dict[str, Any]) -> Callable[..., Any]:
    return lambda *sets: report_dataset(recipe_from(tiny, "tiny"), Corpus(*sets))


def test_each_set_and_label_has_a_row(told: Callable[..., Any]):
    explanation = told(of_each(6, groups=2), of_each(3), of_each(4))
    assert len(explanation.rows) == 9
    names = tuple(f"normal{number}" for number in range(6))
    assert explanation.rows[0] == DatasetRow("train", "normal", 6, 2, pytest.approx(2.56), 60, names)
    line = "train       inner_race           6       2      2.6       60"
    assert f"\n{line}  inner_race0, inner_race1, inner_race2 … 3 more\n" in str(explanation)
    assert explanation.warnings == ()


def test_one_label_of_many_windows_and_one_of_few_are_warned_of(told: Callable[..., Any]):
    few = (*recordings("normal", 7), *recordings("inner_race", 7), *recordings("outer_race", 2))
    (warning,) = told(few, of_each(3), of_each(3)).warnings
    assert "inner_race has 70 training windows and outer_race 20" in warning or "normal has 70" in warning
    even = (*recordings("normal", 6), *recordings("inner_race", 6), *recordings("outer_race", 2))
    assert told(even, of_each(3), of_each(3)).warnings == ()


def test_few_independent_test_recordings_say_how_little_they_tell(told: Callable[..., Any]):
    test = (*recordings("normal", 3), *recordings("inner_race", 5, groups=2), *recordings("outer_race", 2))
    (warning,) = told(of_each(6), of_each(3), test).warnings
    assert warning.startswith("2 independent test recording(s) of inner_race, outer_race")
    assert "±41%" in warning


def test_the_accuracy_is_as_sure_as_there_are_independent_recordings(told: Callable[..., Any]):
    trained = tuple(replace(recording, name=f"other {recording.name}") for recording in of_each(6))
    assert "±26% at worst: 10 independent" in str(told(trained, trained, of_each(4)[:10]))
    assert "±31% at worst: 6 independent" in str(told(trained, trained, of_each(8, groups=2)))


def test_recordings_that_train_and_test_are_called_optimistic(told: Callable[..., Any]):
    text = str(told(of_each(3), of_each(3), of_each(3)))
    assert "optimistic: parts of 9 test recordings train" in text
    assert "at worst" not in text


def test_the_interval_is_the_widest_of_wilson():
    def wilson(right: float, n: int) -> float:
        z, p = 1.96, right / n
        return z / (1 + z**2 / n) * sqrt(p * (1 - p) / n + z**2 / (4 * n**2))

    for n in (1, 2, 10, 100):
        assert half_width(n) == pytest.approx(wilson(n / 2, n))
        assert all(wilson(right, n) <= half_width(n) + 1e-12 for right in range(n + 1))


def test_how_the_sets_came_to_be_is_told_of_every_source(tiny: dict[str, Any]):
    recipe = recipe_from(tiny, "tiny")
    assert "no machine is in two sets" in str(report_dataset(recipe, corpus_of(recipe)))
    noted = Corpus(of_each(3), of_each(3), of_each(3), notes=("cut in time",))
    assert "\ncut in time\n" in str(report_dataset(recipe, noted))


def test_a_corpus_without_a_test_set_has_no_accuracy(told: Callable[..., Any]):
    assert "accuracy" not in str(told(of_each(3), of_each(3), ()))
