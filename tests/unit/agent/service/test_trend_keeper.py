"""The time to the next zone, of hours and days."""

from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.monitoring.trend_record import COUNT, SUM, empty
from drsn.agent.service.trend_keeper import LEAST_DAYS, forecast_of
from drsn.agent.storage.trend_table import DAY_S, HOUR_S, StoredTrend

LIMITS = (1.4, 2.8, 4.5)


def rows(velocities: np.ndarray, seconds: int) -> list[StoredTrend]:
    made = []
    for at, velocity in enumerate(velocities.tolist()):
        record = empty(1)[0]
        record[:, COUNT], record[:, SUM] = 1, velocity
        made.append(StoredTrend(seconds, at * seconds, record))
    return made


def test_the_days_decide_when_there_are_enough():
    found = forecast_of(rows(np.full(50, 9.0), HOUR_S), rows(2.0 + 0.02 * np.arange(31), DAY_S), LIMITS)
    assert (found.zone, found.next_zone, found.limit_mm_s) == ("zone_b", "zone_c", 2.8)
    assert (found.now_mm_s, found.per_day_mm_s) == pytest.approx((2.58, 0.02))
    assert (found.days, found.days_low, found.days_high) == pytest.approx((11, 11, 11))


def test_hours_decide_in_the_first_week():
    found = forecast_of(rows(2.0 + 0.01 * np.arange(48), HOUR_S), rows(np.array([2.0, 2.2]), DAY_S), LIMITS)
    assert found.days == pytest.approx((2.8 - 2.47) / 0.24, rel=1e-3)


def test_the_day_that_is_not_over_does_not_count():
    velocities = np.append(np.full(LEAST_DAYS + 2, 2.0), 50.0)
    assert forecast_of([], rows(velocities, DAY_S), LIMITS).reason == "no certain rise"


@pytest.mark.parametrize(
    ("velocities", "zone", "reason"),
    [
        (np.array([1.5, 1.6]), "zone_b", "fewer than 8 values"),
        (np.full(30, 9.0), "zone_d", "it is in the highest zone"),
        (np.linspace(3, 2.9, 30), "zone_c", "no certain rise"),
    ],
)
def test_it_says_why_it_cannot_say(velocities: np.ndarray, zone: str, reason: str):
    found = forecast_of(rows(velocities, HOUR_S), [], LIMITS)
    assert (found.zone, found.days, found.reason) == (zone, None, reason)


def test_without_a_velocity_there_is_none():
    assert forecast_of([], [], LIMITS) is None
    empty_hours = [StoredTrend(HOUR_S, 0, empty(1)[0])]
    assert forecast_of(empty_hours, [], LIMITS) is None
