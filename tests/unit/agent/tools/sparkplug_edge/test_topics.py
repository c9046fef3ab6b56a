from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.mqtt.sensor_id import SENSOR_ID
from drsn.agent.tools.sparkplug_edge.topics import EdgeTopics, checked_id, host_filters

TOPICS = EdgeTopics("hall 1", "gw")
SENSORS = st.from_regex(SENSOR_ID, fullmatch=True)


def test_the_topics_of_the_specification():
    assert TOPICS.of("NBIRTH") == "spBv1.0/hall 1/NBIRTH/gw"
    assert TOPICS.of("DDATA", "press4.de-x") == "spBv1.0/hall 1/DDATA/gw/press4.de-x"
    assert TOPICS.command_filters == ("spBv1.0/hall 1/NCMD/gw", "spBv1.0/hall 1/DCMD/gw/+")
    assert host_filters("scada") == ("spBv1.0/STATE/scada", "STATE/scada")


@given(SENSORS, SENSORS)
def test_no_two_sensors_share_a_device_and_every_device_id_is_legal(one: str, other: str):
    assert checked_id(one) == one
    assert (TOPICS.of("DBIRTH", one) == TOPICS.of("DBIRTH", other)) == (one == other)
    assert TOPICS.command(TOPICS.of("DCMD", one)).device == one


@pytest.mark.parametrize(
    "topic",
    ["spBv1.0/hall 1/NCMD/other", "spBv1.0/x/NCMD/gw", "spBv1.0/hall 1/DCMD/gw", "spBv1.0/hall 1/NCMD/gw/x", "", "a/b"],
)
def test_other_topics_are_not_commands(topic: str):
    assert TOPICS.command(topic) is None


@pytest.mark.parametrize("text", ["", "a/b", "a+", "#", "x" * 129, "a\x00"])
def test_an_id_that_sparkplug_or_mqtt_forbids_is_refused(text: str):
    with pytest.raises(ValueError, match=r"characters|reserves|U\+0000"):
        checked_id(text)
