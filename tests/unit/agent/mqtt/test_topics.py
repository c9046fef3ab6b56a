from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.mqtt.sensor_id import legal_sensor, plain_text
from drsn.agent.mqtt.topics import TopicPattern, TopicPatternError, Topics

LEVELS = st.text(st.characters(exclude_characters="/+#\x00", exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize(
    ("topic", "sensor"),
    [
        ("plant/hall1/press4/de/raw", "press4.de"),
        ("plant/hall1/press4/de", None),
        ("plant/hall1/press4/de/raw/x", None),
        ("Plant/hall1/press4/de/raw", None),
        ("plant/hall1//de/raw", "~2ede"),  # an id must not begin with a point
        ("plant/hall1/{point}/de/raw", "~7bpoint~7d.de"),  # braces in a received topic mean nothing
        ("plant/hall1/AA:BB/Lüfter 2/raw", "AA~3aBB.L~c3~bcfter~202"),
    ],
)
def test_a_pattern_names_the_levels_of_a_topic(topic: str, sensor: str | None):
    pattern = TopicPattern("plant/{area}/{machine}/{point}/raw", "{machine}.{point}")
    assert pattern.filter == "plant/+/+/+/raw"
    assert pattern.sensor_of(topic) == sensor


@given(values=st.lists(LEVELS, min_size=3, max_size=3), fixed=st.sampled_from(["raw", "$x", "a b", "é"]))
def test_the_text_of_a_level_can_be_read_from_the_id(values: list[str], fixed: str):
    pattern = TopicPattern(f"{{c}}/{fixed}/{{a}}/{{b}}", "{a}-{b}.{c}_{a}")
    c, a, b = values
    assert plain_text(str(pattern.sensor_of(f"{c}/{fixed}/{a}/{b}"))) == f"{a}-{b}.{c}_{a}"
    assert pattern.sensor_of(f"{c}/{fixed}!/{a}/{b}") is None


@pytest.mark.parametrize(
    ("pattern", "topic", "topic_filter"),
    [
        ("/plant/{m}", "/plant/a", "/plant/+"),
        ("plant//{m}", "plant//a", "plant//+"),
        ("plant/{m}/", "plant/a/", "plant/+/"),
        ("$share/line4/plant/{m}", "plant/a", "$share/line4/plant/+"),
        ("$share/line4//plant/{m}", "/plant/a", "$share/line4//plant/+"),
    ],
)
def test_empty_levels_and_shared_subscriptions_are_read(pattern: str, topic: str, topic_filter: str):
    made = TopicPattern(pattern, "{m}")
    assert (made.filter, made.sensor_of(topic)) == (topic_filter, "a")


@pytest.mark.parametrize(
    ("topic", "sensor", "reason"),
    [
        ("plant/+/raw", "x", "level"),
        ("plant/#", "x", "level"),
        ("$SYS/{a}", "{a}", "reserved for the broker"),
        ("$share/g/$SYS/{a}", "{a}", "reserved for the broker"),
        ("$share/g/", "x", "reserved for the broker"),
        ("plant/\x01", "x", r"contains U\+0001"),
        ("plant/\x85/{a}", "x", r"contains U\+0085"),
        ("plant/\uffff/{a}", "x", r"contains U\+FFFF"),
        ("x" * 65_536, "x", "65536 bytes"),
        ("/", "x", "level"),
        ("", "x", "level"),
        ("plant/m{machine}/raw", "{machine}", "level"),
        ("plant/{a}{b}", "{a}", "level"),
        ("plant/{Machine}", "x", "level"),
        ("plant/{a}/{a}", "{a}", "repeats"),
        ("plant/{a}", "{b}", r"\['b'\] are not in the topic"),
        ("plant/{a}", "{a}.{", "are not in the topic"),
        ("plant/{a}", 64 * "m" + "{a}", "every id would be illegal"),
        ("plant/{a}", "{a}/x", "every id would be illegal"),
    ],
)
def test_an_unusable_pattern_is_refused_with_the_reason(topic: str, sensor: str, reason: str):
    with pytest.raises(TopicPatternError, match=reason):
        TopicPattern(topic, sensor)


@pytest.mark.parametrize("sensor", ["a", "7", "press4.de-x", "A_~b", "x" * 64])
def test_one_plain_level_is_a_legal_sensor(sensor: str):
    assert legal_sensor(sensor)


@pytest.mark.parametrize(
    "sensor", ["", "_agent", "_reply", ".hidden", "-x", "x" * 65, "a/b", "a+", "#", "a b", "a\n", "ä", "٣", "a\x00"]
)
def test_anything_else_is_no_legal_sensor(sensor: str):
    assert not legal_sensor(sensor)


@given(sensor=st.text(max_size=70))
def test_the_legal_sensors_are_those_of_the_documentation(sensor: str):
    assert legal_sensor(sensor) == bool(re.match(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}\Z", sensor))


def test_each_document_has_its_topic():
    topics = Topics("drsn/v1", "jetson-07")
    assert topics.result("press4.de") == "drsn/v1/press4.de/result"
    assert topics.alarm("press4.de") == "drsn/v1/press4.de/alarm"
    assert topics.event("press4.de") == "drsn/v1/press4.de/event"
    assert topics.status == "drsn/v1/_agent/jetson-07/status"
    assert topics.health == "drsn/v1/_agent/jetson-07/health"


BELOW = "drsn/v1/_reply/"


@pytest.mark.parametrize("wanted", ["scada/7", "a", "Ü b", "/".join("x" * 16), "x" * 400])
def test_an_allowed_response_topic_is_used(wanted: str):
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
def test_another_response_topic_is_replaced(wanted: str):
    """A command can't make the agent publish elsewhere, or to a topic for which a broker ends the connection."""
    assert Topics("drsn/v1", "a").reply("r1", wanted) == BELOW + "r1"
