"""Patterns of topics: each topic in one of them, none of another family, ids of their own."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.mqtt.sensor_id import legal_sensor
from drsn.agent.mqtt.topics import TopicPattern, overlap
from drsn.agent.tools.init.topic_patterns import sensor_topics

LEVELS = st.sampled_from(["a", "b", "x-y", "x", "y", "y-z", "raw", "Lüfter 2", "AA:BB", "_s", "~7e"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=5).map("/".join)
FAMILIES = st.dictionaries(st.sampled_from("pqrs"), st.sets(TOPICS, min_size=1, max_size=8), max_size=4)


@pytest.mark.parametrize(
    ("topics", "pattern", "sensor"),
    [
        (["plant/m1/raw", "plant/m2/raw"], "plant/{machine}/raw", "{machine}"),
        (["s/hall/p1/v", "s/yard/p2/v"], "s/{area}/{machine}/v", "{area}-{machine}"),
        (["m1", "m2"], "{machine}", "{machine}"),
        (["plant/press4/raw"], "plant/press4/raw", "press4"),
        (["plant/{4F1A}/x"], "plant/{machine}/x", "{machine}"),
        (["plant/press4/adxl345"], "plant/press4/adxl345", "press4-adxl345"),
        (["/plant/a/x", "/plant/b/x"], "/plant/{machine}/x", "{machine}"),
        (["a/b/1/c/d", "e/f/2/g/h"], "{level1}/{level2}/{level3}/{level4}/{level5}",
         "{level1}-{level2}-{level3}-{level4}-{level5}"),
    ],
)  # fmt: skip
def test_levels_that_vary_become_names(topics, pattern, sensor):
    (found,) = sensor_topics({"": topics})
    assert (found.topic, found.sensor, list(found.topics)) == (pattern, sensor, topics)


def test_a_pattern_does_not_fit_what_is_no_vibration():
    found = sensor_topics({"": ["hall/x/vib1", "hall/x/vib2", "hall/y/vib1"]}, ["hall/y/temperature"])
    assert [(each.topic, each.sensor) for each in found] == [
        ("hall/{machine}/vib1", "{machine}-vib1"),
        ("hall/x/vib2", "x-vib2"),
    ]


def test_a_pattern_does_not_fit_the_agent_s_own_topics():
    found = sensor_topics({"": ["drsn/v1/a/x", "drsn/v2/b/y"]}, ["drsn/v1/+/result"])
    assert not any(overlap(TopicPattern(each.topic, each.sensor).filter, "drsn/v1/+/result") for each in found)
    assert {topic for each in found for topic in each.topics} == {"drsn/v1/a/x", "drsn/v2/b/y"}


def test_two_families_on_the_same_machines_have_ids_of_their_own():
    found = sensor_topics({"p": ["plant/m1/raw", "plant/m2/raw"], "q": ["plant/m1/json", "plant/m2/json"]})
    assert len({each.sensor for each in found}) == 2


@pytest.mark.parametrize("topic", ["$SYS/a", "a\x00b", "x" * 5000])
def test_a_topic_that_no_pattern_can_name_is_left_out(topic):
    assert sensor_topics({"": [topic]}) == []


@given(FAMILIES, st.sets(TOPICS, max_size=4))
def test_each_topic_is_in_one_pattern_and_no_pattern_fits_a_foreign_one(families, foreign):
    seen: set[str] = set()
    apart = {}
    for key, topics in families.items():
        apart[key], seen = topics - seen, seen | topics
    strangers = foreign - seen
    found = sensor_topics(apart, strangers)
    patterns = [TopicPattern(each.topic, each.sensor) for each in found]
    assert not [pair for pair in combinations(patterns, 2) if overlap(pair[0].filter, pair[1].filter)]
    ids: list[str] = []
    for each, pattern in zip(found, patterns, strict=True):
        assert each.topics
        assert set(each.topics) <= apart[each.family]
        own = [pattern.sensor_of(topic) for topic in each.topics]
        assert all(name is not None and legal_sensor(name) for name in own)
        assert not [topic for topic in strangers if pattern.sensor_of(topic) is not None]
        ids += own
    assert len(set(ids)) == len(ids)
    covered = {topic for each in found for topic in each.topics}
    assert covered == seen
