from __future__ import annotations

import pytest
from pydantic import ValidationError

from drsn.agent.schema.bearing import Geometry


def test_orders_are_those_of_the_catalogue():
    orders = Geometry(balls=9, ball_diameter_mm=7.94, pitch_diameter_mm=39.04).orders
    assert orders == pytest.approx({"BPFO": 3.585, "BPFI": 5.415, "BSF": 2.357, "FTF": 0.398}, abs=1e-3)


@pytest.mark.parametrize(
    "given",
    [{"balls": 2}, {"ball_diameter_mm": 0}, {"ball_diameter_mm": 40.0}, {"contact_angle_deg": 90}, {"rollers": 9}],
)
def test_a_bearing_that_can_t_be_is_refused(given):
    usual = {"balls": 9, "ball_diameter_mm": 7.94, "pitch_diameter_mm": 39.04}
    with pytest.raises(ValidationError):
        Geometry(**{**usual, **given})
