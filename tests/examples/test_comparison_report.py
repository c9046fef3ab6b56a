"""The difference between families and what it shows."""

import numpy as np
import pytest
from comparison import Result
from comparison_report import difference, verdict


def results(**accuracies: list[float]) -> list[Result]:
    """Results at one level: one for each seed of each family."""
    return [
        Result(family, seed, 1, (value,), ())
        for family, values in accuracies.items()
        for seed, value in enumerate(values)
    ]


def test_the_difference_is_taken_seed_by_seed():
    """Both families vary by 30 points between seeds; one is 1 point better with each seed."""
    found = difference(results(drsn_cw=[0.51, 0.81, 0.66], resnet=[0.50, 0.80, 0.65]), "drsn_cw", "resnet")
    assert found["points"] == pytest.approx(1.0)
    assert found["high"] - found["low"] == pytest.approx(0, abs=1e-9)
    assert verdict(found, 3).endswith("better")


def test_the_interval_is_students():
    found = difference(results(drsn_cw=[0.51, 0.52, 0.53], resnet=[0.50, 0.50, 0.50]), "drsn_cw", "resnet")
    assert found["points"] == pytest.approx(2.0)
    assert found["high"] - found["points"] == pytest.approx(4.303 / np.sqrt(3), rel=1e-3)  # t of 2 degrees, deviation 1
    assert verdict(found, 3).endswith("3 seeds show no difference")


@pytest.mark.parametrize(("low", "high", "shown"), [(0.1, 2, "better"), (-2, -0.1, "worse"), (-1, 1, "no difference")])
def test_what_a_difference_shows(low: float, high: float, shown: str):
    assert verdict({"low": low, "high": high}, 5).endswith(shown)


def test_one_seed_shows_nothing():
    found = difference(results(drsn_cw=[0.9], resnet=[0.5]), "drsn_cw", "resnet")
    assert verdict(found, 1) == "one seed: no interval"
