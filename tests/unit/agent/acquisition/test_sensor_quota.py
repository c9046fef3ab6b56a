from __future__ import annotations

from drsn.agent.acquisition.sensor_quota import EVICT_EVERY_S, TRIAL_S, SensorQuota


def test_a_new_sensor_gets_a_place_while_there_is_one():
    quota = SensorQuota(2, known=["old"])
    assert quota.first_over_quota(["new", "newer"]) == "new"
    quota.add("new", 0.0)
    assert quota.first_over_quota(["newer"]) == "newer"
    assert quota.first_over_quota(["old", "new"]) is None


def test_more_known_sensors_than_places_keep_theirs_and_no_other_gets_one():
    quota = SensorQuota(1, known=["a", "b"])
    assert (quota.first_over_quota(["a", "b"]), quota.first_over_quota(["c"])) == (None, "c")


def test_only_sensors_without_a_whole_window_in_time_are_evicted():
    quota = SensorQuota(3)
    for name in "abc":
        quota.add(name, 0.0)
    quota.confirm("a")
    quota.add("b", TRIAL_S - 1)  # one more packet confirms nothing
    assert quota.evict_unconfirmed(TRIAL_S - 1) == []
    assert quota.evict_unconfirmed(TRIAL_S + EVICT_EVERY_S - 1) == ["b", "c"]
    assert quota.first_over_quota(["x", "y"]) is None


def test_a_flood_does_not_cause_a_search_for_each_of_its_packets():
    quota = SensorQuota(1)
    quota.add("a", 0.0)
    assert quota.evict_unconfirmed(TRIAL_S - 1) == []
    assert quota.evict_unconfirmed(TRIAL_S) == []
    assert quota.evict_unconfirmed(TRIAL_S - 1 + EVICT_EVERY_S) == ["a"]


def test_the_place_of_a_removed_sensor_is_free():
    quota = SensorQuota(1, known=["a"])
    quota.remove("a")
    assert quota.first_over_quota(["b"]) is None
