import numpy as np
import pytest

from drsn.model.bearing import SKF_6205, Bearing, zone_load


def test_orders_of_the_cwru_bearing_are_the_published_ones():
    """Multiples of the shaft's speed from the data's own web page."""
    assert SKF_6205.inner_race_order == pytest.approx(5.4152, abs=1e-3)
    assert SKF_6205.outer_race_order == pytest.approx(3.5848, abs=1e-3)
    assert SKF_6205.cage_order == pytest.approx(0.39828, abs=1e-3)
    assert 2 * SKF_6205.ball_spin_order == pytest.approx(4.7135, abs=1e-3)


def test_every_ball_passes_both_races():
    bearing = Bearing(balls=12, ball_diameter_mm=8, pitch_diameter_mm=50, contact_angle_deg=25)
    assert bearing.outer_race_order + bearing.inner_race_order == pytest.approx(12)


def test_load_sits_in_its_zone():
    load = zone_load(np.array([0.0, 0.1, -0.1, 0.3, 0.5, 1.0]), extent=0.4)
    assert load[0] == load[5] == 1
    assert load[1] == pytest.approx(load[2])
    assert 0 < load[1] < 1
    assert load[3] == load[4] == 0
