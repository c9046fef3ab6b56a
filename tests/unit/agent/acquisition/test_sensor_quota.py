from __future__ import annotations

from drsn.agent.acquisition.sensor_quota import CLEAR_EVERY_S, UNPROVEN_S, SensorQuota


def test_there_is_room_for_so_many_and_for_those_who_have_a_place():
    places = SensorQuota(2, known=["old"])
    assert places.stranger(["new", "newer"]) == "new"
    places.take("new", 0.0)
    assert places.stranger(["newer"]) == "newer"
    assert places.stranger(["old", "new"]) is None


def test_more_known_ones_than_places_keep_theirs_and_let_nobody_in():
    places = SensorQuota(1, known=["a", "b"])
    assert (places.stranger(["a", "b"]), places.stranger(["c"])) == (None, "c")


def test_who_has_not_brought_a_window_in_time_goes_and_nobody_else():
    places = SensorQuota(3)
    for name in "abc":
        places.take(name, 0.0)
    places.prove("a")
    places.take("b", UNPROVEN_S - 1)  # heard again: that proves nothing
    assert places.clear(UNPROVEN_S - 1) == []
    assert places.clear(UNPROVEN_S + CLEAR_EVERY_S - 1) == ["b", "c"]
    assert places.stranger(["x", "y"]) is None


def test_a_flood_is_not_looked_through_for_each_of_its_packets():
    places = SensorQuota(1)
    places.take("a", 0.0)
    assert places.clear(UNPROVEN_S - 1) == []
    assert places.clear(UNPROVEN_S) == []
    assert places.clear(UNPROVEN_S - 1 + CLEAR_EVERY_S) == ["a"]


def test_a_place_that_is_left_is_free():
    places = SensorQuota(1, known=["a"])
    places.leave("a")
    assert places.stranger(["b"]) is None
