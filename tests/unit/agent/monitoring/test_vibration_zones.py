from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.vibration_zones import LIMITS_MM_S, zones_of

limits = st.lists(st.floats(0.1, 100), min_size=3, max_size=3, unique=True).map(sorted)
velocities = st.lists(st.floats(0, 200), min_size=1, max_size=20)


def zones(velocity: list[float], of: list[float]) -> list[int]:
    """The zones of one machine, measurement by measurement."""
    found, before = [], np.zeros(1, np.int8)
    for value in velocity:
        before = zones_of(np.array([value]), np.array([of]), before)
        found.append(int(before[0]))
    return found


@pytest.mark.parametrize(
    ("velocity", "expected"), [(0.0, 0), (1.39, 0), (1.4, 1), (2.79, 1), (2.8, 2), (4.49, 2), (4.5, 3), (99.0, 3)]
)
def test_a_medium_machine_on_a_rigid_support(velocity: float, expected: int):
    assert zones([velocity], list(LIMITS_MM_S["medium_rigid"])) == [expected]


def test_a_zone_is_left_10_per_cent_below_its_boundary():
    assert zones([4.6, 4.06, 4.04, 4.4, 2.53, 2.51, 1.3, 1.25], [1.4, 2.8, 4.5]) == [3, 3, 2, 2, 2, 1, 1, 0]


@given(limits, st.floats(0, 200), st.floats(0, 200))
def test_more_velocity_is_never_a_better_zone(of: list[float], one: float, two: float):
    low, high = sorted((one, two))
    assert zones([low], of) <= zones([high], of)


@given(limits, velocities)
def test_the_zone_is_that_of_the_boundaries_or_the_one_before_held_by_the_hysteresis(
    of: list[float], seen: list[float]
):
    before = 0
    for value, zone in zip(seen, zones(seen, of), strict=True):
        plain = sum(value >= limit for limit in of)
        assert zone >= plain
        if zone > plain:
            assert zone <= before
            assert value >= 0.9 * of[zone - 1]
        before = zone


@pytest.mark.parametrize("group", LIMITS_MM_S)
def test_the_boundaries_rise(group: str):
    a, b, c = LIMITS_MM_S[group]
    assert 0 < a < b < c


def test_flexible_supports_and_large_machines_may_vibrate_more():
    for size in ("large", "medium"):
        assert LIMITS_MM_S[f"{size}_flexible"] > LIMITS_MM_S[f"{size}_rigid"]
    for support in ("rigid", "flexible"):
        assert LIMITS_MM_S[f"large_{support}"] > LIMITS_MM_S[f"medium_{support}"]
