from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.forecast import HORIZON_DAYS, LEAST_POINTS, Forecast, line_of, time_to


def test_an_exact_line_is_found_and_extended():
    days = np.arange(20.0)
    line = line_of(days, 1.0 + 0.1 * days)
    assert (line.now, line.per_day, line.per_day_low) == pytest.approx((2.9, 0.1, 0.1))
    found = time_to(4.5, line)
    assert (found.days, found.days_low, found.days_high) == pytest.approx((16, 16, 16))


def test_one_wild_value_in_four_does_not_matter():
    days = np.arange(40.0)
    values = 1.0 + 0.05 * days
    values[::4] = 50.0
    assert line_of(days, values).per_day == pytest.approx(0.05, rel=0.05)


def test_the_interval_holds_the_slope_in_95_of_100_cases():
    """Neighbours that are alike, as the load of a day makes them: without the correction 75 of 100."""
    rng, days, held = np.random.default_rng(3), np.arange(60.0), 0
    for _ in range(200):
        noise, residual = np.zeros(60), 0.0
        for at in range(60):
            residual = 0.5 * residual + rng.standard_normal()
            noise[at] = residual
        line = line_of(days, 1.0 + 0.02 * days + 0.2 * noise)
        held += line.per_day_low <= 0.02 <= line.per_day_high
    assert held >= 0.88 * 200


@pytest.mark.parametrize(
    ("values", "limit", "reason"),
    [
        (np.linspace(1, 2, LEAST_POINTS - 1), 3.0, "fewer than"),
        (np.linspace(1, 2, 20), 2.0, "reached already"),
        (np.linspace(2, 1, 20), 3.0, "no certain rise"),
        (np.full(20, 1.0), 3.0, "no certain rise"),
        (np.random.default_rng(0).standard_normal(30), 9.0, "no certain rise"),
        (np.linspace(1, 1.001, 20), 3.0, f"not within {HORIZON_DAYS:g} days"),
    ],
)
def test_it_says_why_it_cannot_say(values: np.ndarray, limit: float, reason: str):
    found = time_to(limit, line_of(np.arange(float(len(values))), values))
    assert found == Forecast(None, reason=found.reason)
    assert reason in found.reason


@given(st.integers(LEAST_POINTS, 40), st.floats(-1, 1), st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_it_follows_the_unit_of_the_values(count: int, slope: float, seed: int, gain: float):
    days = np.cumsum(np.random.default_rng(seed).uniform(0.1, 2, count))
    values = slope * days + np.random.default_rng(seed).standard_normal(count)
    one, other = line_of(days, values), line_of(days, gain * values)
    assert other.per_day == pytest.approx(gain * one.per_day, rel=1e-6, abs=1e-9)
    assert one.per_day_low <= one.per_day <= one.per_day_high
    low, estimate, high = (time_to(one.now + 1, one).days_low, time_to(one.now + 1, one).days,
                           time_to(one.now + 1, one).days_high)  # fmt: skip
    assert estimate is None or low <= estimate <= high
