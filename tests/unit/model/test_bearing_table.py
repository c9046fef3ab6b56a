from __future__ import annotations

import math

import pytest

from drsn.model.bearing import Bearing
from drsn.model.bearing_table import (
    OUTER_MM,
    PUBLISHED,
    TIMKEN_ORDERS,
    UnknownBearingError,
    ball_set,
    designations,
    lookup,
)


@pytest.mark.parametrize(
    "designation",
    ["6205", "SKF 6205", "6205-2RS", "6205-2RS1/C3", "6205 ZZ C3", "fag 6205 2RSR", "NSK-6205DDU", " 6205  "],
)
def test_maker_and_suffixes_do_not_change_the_bearing(designation):
    assert lookup(designation).bearing == Bearing(9, 7.94, 39.04)


def test_published_orders_come_back():
    for number, (bpfo, bpfi) in TIMKEN_ORDERS.items():
        orders = lookup(number).bearing.orders
        assert (orders.outer_race, orders.inner_race) == pytest.approx((bpfo, bpfi))
    assert 2 * lookup("6205").bearing.orders.ball_spin == pytest.approx(4.7135, abs=1e-3)


def test_the_spherical_roller_bearing_has_the_frequencies_of_its_source():
    """22228 at 1,500 rpm: 205.3, 89.1 and 10.8 Hz."""
    orders = lookup("22228 CC/W33").bearing.orders
    hz = [25 * order for order in (orders.outer_race, orders.ball_spin, orders.cage)]
    assert hz == pytest.approx([205.3, 89.1, 10.8], abs=0.06)


@pytest.mark.parametrize(
    ("designation", "found"),
    [
        ("ER-16K", "ER16K"),
        ("MB ER-10K", "ER10K"),
        ("LDK UER204", "UER204"),
        ("UCP 206", "UC206"),
        ("NU 206 ECP", "NU206"),
        ("N205", "N205"),
    ],
)
def test_prefixes(designation, found):
    assert lookup(designation).designation == found


def test_an_insert_bearing_has_the_balls_of_the_deep_groove_bearing():
    assert lookup("UC208").bearing == lookup("6208").bearing


@pytest.mark.parametrize(("suffix", "angle"), [("", 40), (" BEP", 40), ("B", 40), ("AC", 25), ("-C", 15), (" C3", 40)])
def test_the_letter_of_an_angular_contact_bearing_is_its_angle(suffix, angle):
    assert lookup(f"7208{suffix}").bearing.contact_angle_deg == angle


def test_every_bearing_of_the_table_can_be_built():
    """Rolling elements are smaller than the section, and fit into the circle beside each other."""
    for name in designations():
        it = lookup(name).bearing
        assert it.balls * math.asin(it.ball_diameter_mm / it.pitch_diameter_mm) < math.pi, name
        assert lookup(name).source


@pytest.mark.parametrize("wrong", ["62055", "bearing", "6299", "NU199", "6205;drop", "", "6205²"])
def test_an_unknown_designation_is_an_error_with_a_remedy(wrong):
    with pytest.raises(UnknownBearingError, match="bpfo, bpfi, bsf and ftf"):
        lookup(wrong)


def test_the_error_has_the_closest_designations():
    with pytest.raises(UnknownBearingError, match=r"the closest are 6205"):
        lookup("62055")


def test_error_of_the_estimates():
    """docs/trust/bearing-quality.md has these numbers: ball sets of Timken, estimated from the outer dimensions."""
    right, errors = [], []
    for number, orders in TIMKEN_ORDERS.items():
        code = int(number[2:])
        bore = {3: 17}.get(code, 5 * code)
        guess = ball_set(bore, OUTER_MM[number[:2]][code])
        if guess.balls == round(sum(orders)):
            right.append(number)
            errors.append(abs(guess.outer_race_order / orders[0] - 1))
    assert (len(right), len(TIMKEN_ORDERS)) == (21, 25)
    assert max(errors) == pytest.approx(0.0105, abs=1e-3)


def test_what_is_published_is_not_marked_as_an_estimate():
    assert not any(lookup(name).estimated for name in (*PUBLISHED, *TIMKEN_ORDERS))
    assert all(lookup(name).estimated for name in ("6305", "7205", "NU205", "22210", "6405"))
