from __future__ import annotations

import pytest
from pydantic import ValidationError

from drsn.agent.schema.bearing import BearingSetting, Geometry, GivenOrders
from drsn.model.contract import Frozen


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


class Holder(Frozen):
    """A section of settings."""

    bearing: BearingSetting | None = None


def test_a_designation_is_its_geometry():
    found = Holder(bearing="SKF 6205-2RS").bearing
    assert isinstance(found, Geometry)
    assert (found.balls, found.designation, found.estimated) == (9, "SKF 6205-2RS", False)
    assert Holder(bearing=6205).bearing.balls == 9


def test_an_estimate_is_marked():
    assert Holder(bearing="NU206").bearing.estimated


def test_four_orders():
    found = Holder(bearing={"bpfo": 3.585, "bpfi": 5.415, "bsf": 2.357, "ftf": 0.398}).bearing
    assert isinstance(found, GivenOrders)
    assert found.orders == {"BPFO": 3.585, "BPFI": 5.415, "BSF": 2.357, "FTF": 0.398}
    assert Holder.model_validate_json(Holder(bearing=found).model_dump_json()).bearing == found


@pytest.mark.parametrize(
    ("orders", "problem"),
    [
        ({"bpfo": 5.415, "bpfi": 3.585, "bsf": 2.357, "ftf": 0.398}, "swapped"),
        ({"bpfo": 3.585, "bpfi": 5.415, "bsf": 4.714, "ftf": 0.398}, "give half of it"),
        ({"bpfo": 3.585, "bpfi": 5.415, "bsf": 2.357, "ftf": 3.98}, "less than 1"),
        ({"bpfo": 3.585, "bpfi": 5.415, "bsf": 2.357}, "Field required"),
    ],
)
def test_orders_that_can_t_be_are_refused(orders, problem):
    with pytest.raises(ValidationError, match=problem):
        Holder(bearing=orders)


@pytest.mark.parametrize("wrong", ["62055", True, 3.5, ["6205"]])
def test_what_is_no_bearing_is_refused(wrong):
    with pytest.raises(ValidationError):
        Holder(bearing=wrong)
