from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.mqtt.topics import TopicPattern, TopicPatternError, Topics, legal_sensor

LEVELS = st.text(st.characters(exclude_characters="/+#\x00", exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize(
    ("topic", "sensor"),
    [
        ("plant/hall1/press4/de/raw", "press4.de"),
        ("plant/hall1/press4/de", None),
        ("plant/hall1/press4/de/raw/x", None),
        ("Plant/hall1/press4/de/raw", None),
        ("plant/hall1//de/raw", ".de"),  # a sensor that is not legal
        ("plant/hall1/{point}/de/raw", "{point}.de"),  # braces of a stranger mean nothing
    ],
)
def test_a_pattern_names_the_levels_of_a_topic(topic: str, sensor: str | None):
    pattern = TopicPattern("plant/{area}/{machine}/{point}/raw", "{machine}.{point}")
    assert pattern.filter == "plant/+/+/+/raw"
    assert pattern.sensor_of(topic) == sensor


@given(values=st.lists(LEVELS, min_size=3, max_size=3), fixed=st.sampled_from(["raw", "$x", "a b", "é"]))
def test_whatever_stands_in_the_levels_is_carried_over_unchanged(values: list[str], fixed: str):
    pattern = TopicPattern(f"{{c}}/{fixed}/{{a}}/{{b}}", "{a}-{b}.{c}~{a}")
    c, a, b = values
    assert pattern.sensor_of(f"{c}/{fixed}/{a}/{b}") == f"{a}-{b}.{c}~{a}"
    assert pattern.sensor_of(f"{c}/{fixed}!/{a}/{b}") is None


@pytest.mark.parametrize(
    ("topic", "sensor", "reason"),
    [
        ("plant/+/raw", "x", "level"),
        ("plant/#", "x", "level"),
        ("$share/g/{a}", "{a}", "the broker's own"),
        ("plant/\x01", "x", r"holds U\+0001"),
        ("plant/\x85/{a}", "x", r"holds U\+0085"),
        ("plant/\uffff/{a}", "x", r"holds U\+FFFF"),
        ("x" * 65_536, "x", "65536 bytes"),
        ("plant//raw", "x", "level"),
        ("", "x", "level"),
        ("plant/m{machine}/raw", "{machine}", "level"),
        ("plant/{a}{b}", "{a}", "level"),
        ("plant/{Machine}", "x", "level"),
        ("plant/{a}/{a}", "{a}", "repeats"),
        ("plant/{a}", "{b}", r"\['b'\] are not in the topic"),
        ("plant/{a}", "{a}.{", "are not in the topic"),
        ("plant/{a}", "_{a}", "no id that it gives is legal"),
        ("plant/{a}", "{a}/x", "no id that it gives is legal"),
    ],
)
def test_a_pattern_that_can_not_work_says_why(topic: str, sensor: str, reason: str):
    with pytest.raises(TopicPatternError, match=reason):
        TopicPattern(topic, sensor)


@pytest.mark.parametrize("sensor", ["a", "7", "press4.de-x", "A_~b", "x" * 64])
def test_one_plain_level_is_a_legal_sensor(sensor: str):
    assert legal_sensor(sensor)


@pytest.mark.parametrize(
    "sensor", ["", "_agent", "_reply", ".hidden", "-x", "x" * 65, "a/b", "a+", "#", "a b", "a\n", "ä", "٣", "a\x00"]
)
def test_what_could_leave_its_level_is_no_legal_sensor(sensor: str):
    assert not legal_sensor(sensor)


@given(sensor=st.text(max_size=70))
def test_legal_sensors_are_those_of_the_contract(sensor: str):
    assert legal_sensor(sensor) == bool(re.match(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}\Z", sensor))


def test_where_documents_go():
    topics = Topics("drsn/v1", "jetson-07")
    assert topics.result("press4.de") == "drsn/v1/press4.de/result"
    assert topics.alarm("press4.de") == "drsn/v1/press4.de/alarm"
    assert topics.event("press4.de") == "drsn/v1/press4.de/event"
    assert topics.status == "drsn/v1/_agent/jetson-07/status"
    assert topics.health == "drsn/v1/_agent/jetson-07/health"


BELOW = "drsn/v1/_reply/"


@pytest.mark.parametrize("wanted", ["scada/7", "a", "Ü b", "/".join("x" * 16), "x" * 400])
def test_an_answer_goes_where_it_is_wanted(wanted: str):
    assert Topics("drsn/v1", "a").reply("r1", BELOW + wanted) == BELOW + wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        BELOW,
        BELOW + "a//b",
        BELOW + "+",
        BELOW + "a/#",
        BELOW + "/".join("x" * 17),
        BELOW + "x" * 513,
        BELOW + "a\nb",
        BELOW + "a\x85b",
        BELOW + "\ufffe",
        BELOW + "\u202e",
        "drsn/v1/_reply",
        "drsn/v1/_replyx/a",
        "drsn/v1/press4/alarm",
        "drsn/v2/_reply/a",
        "x/drsn/v1/_reply/a",
        "$SYS/a",
    ],
)
def test_what_is_no_place_for_an_answer_is_not_used(wanted: str):
    """Nobody makes the agent publish elsewhere, or what a broker would cut its connection for."""
    assert Topics("drsn/v1", "a").reply("r1", wanted) == BELOW + "r1"
