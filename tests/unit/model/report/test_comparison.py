from __future__ import annotations

from typing import Any

import pytest

from drsn.model.report.comparison import IN_ORDERS, comparison, verdict


def level(recorded: float, noisy: float) -> dict[str, float]:
    return {"as recorded": recorded, "0 dB": noisy}


@pytest.fixture
def metrics() -> dict[str, Any]:
    accuracy = {
        "logistic_regression": level(0.6, 0.5),
        "random_forest": level(0.5, 0.4),
        "spectrum": level(0.6, 0.5),
        "network": level(0.5, 0.5),
        IN_ORDERS: level(0.95, 0.9),
    }
    return {
        "carried": "spectrum",
        "leave_one_out": [{"condition": "speed", "value": "600 rpm", "recordings": 7, "accuracy": accuracy}],
        "leave_one_out_notes": [],
        "validation_by_model": {"spectrum": level(0.99, 0.9), "network": level(1.0, 0.9)},
        "test_by_model": {
            "logistic_regression": level(0.98, 0.9),
            "random_forest": level(0.99, 0.85),
            "spectrum": level(0.98, 0.9),
        },
        "blind": [],
    }


def test_what_was_left_out_stands_first(metrics: dict[str, Any]):
    first, second, _ = comparison(metrics)
    assert first.splitlines()[1].split() == ["model", "600", "rpm", "mean"]
    assert first.splitlines()[2].split() == ["logistic_regression", "60.0", "/", "50.0", "60.0", "/", "50.0"]
    assert second.splitlines()[-1].split() == ["random_forest", "-", "99.0", "/", "85.0"]


def test_a_simple_model_that_wins_is_named(metrics: dict[str, Any]):
    lines = verdict(metrics)
    assert lines[0] == "the bundle carries the linear model on the log spectrum instead of the network"
    assert lines[1].endswith("than what the bundle carries: as recorded 99.0% against 98.0%")


def test_a_speed_that_falls_far_below_gets_the_option_that_mends_it(metrics: dict[str, Any]):
    (said,) = [line for line in verdict(metrics) if line.startswith("a speed left out")]
    assert said == (
        'a speed left out: 60% right, and 99% on the validation set; signal.domain = "order" reaches 95% there '
        "(the linear model)"
    )


def test_without_such_an_option_it_says_what_to_record(metrics: dict[str, Any]):
    del metrics["leave_one_out"][0]["accuracy"][IN_ORDERS]
    assert any("record each label at more speeds" in line for line in verdict(metrics))
    metrics["leave_one_out"][0]["condition"] = "machine"
    assert any("record each label on more of them (machine)" in line for line in verdict(metrics))


def test_a_refusal_is_the_last_word(metrics: dict[str, Any]):
    metrics["blind"] = [{"condition": "ball", "where": "test set", "named": "normal", "accepted": 1.0}]
    assert verdict(metrics)[-1] == (
        "refused: test set: every window of ball is named otherwise, most normal, and 100% of them are accepted"
    )


def test_a_training_without_comparison_has_no_tables():
    assert comparison({"parameters": 1}) == []
