from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.mqtt.topics import Topics
from drsn.agent.schema.documents import AlarmDocument, BundleReference, CommandDocument
from drsn.agent.schema.home_assistant import Origin, agent_device, discovery_topic, object_id, sensor_device

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", fullmatch=True)
ORIGIN = Origin(Topics("drsn/v1", "line4"), "1.0", "universal 2")
BUNDLE = BundleReference(name="universal", version="2", sha256="00")


def alarm(sensor: str = "press4.de", **more: object) -> AlarmDocument:
    return AlarmDocument(
        **{"agent": "line4", "epoch": "e", "sensor": sensor, "seq": 1, "state": "normal", "bundle": BUNDLE} | more
    )


def components(document: bytes) -> dict[str, dict[str, Any]]:
    return json.loads(document)["cmps"]


@given(st.sets(st.tuples(IDS, st.none() | IDS), min_size=2, max_size=6))
def test_different_names_give_different_ids_of_legal_characters(names: set[tuple[str, str | None]]):
    ids = {object_id(agent, sensor) for agent, sensor in names}
    assert len(ids) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", each) for each in ids)


def test_names_that_differ_in_a_separator_alone_do_not_collide():
    assert object_id("a", "b.c") != object_id("a", "b_c") != object_id("a", "b~c")
    assert object_id("a_", "b") != object_id("a", "_b") != object_id("a__b")


def test_the_device_of_a_sensor_belongs_to_that_of_the_agent():
    document, agent = json.loads(sensor_device(ORIGIN, alarm(), velocity=False)), json.loads(agent_device(ORIGIN))
    assert [document["dev"]["via_device"]] == agent["dev"]["ids"]
    assert discovery_topic("homeassistant", "line4", "press4.de") == (
        f"homeassistant/device/{document['dev']['ids'][0]}/config"
    )
    ids = [each["uniq_id"] for part in (document, agent) for each in part["cmps"].values()]
    assert len(set(ids)) == len(ids)
    assert all("p" in each for part in (document, agent) for each in part["cmps"].values())


def test_velocity_is_an_entity_only_where_it_is_measured():
    with_it, without = (components(sensor_device(ORIGIN, alarm(), velocity=each)) for each in (True, False))
    assert set(with_it) - set(without) == {"velocity"}


def test_the_acknowledge_button_names_the_event_that_the_alarm_has_and_is_available_for_it_alone():
    unacked = alarm(state="active_unacked", condition="inner_race", event_id="e-1", active=True)
    button = components(sensor_device(ORIGIN, unacked, velocity=False))["ack"]
    command = CommandDocument.model_validate_json(button["pl_prs"])
    assert (command.sensor, command.condition, command.event_id) == ("press4.de", "inner_race", "e-1")
    assert button["cmd_t"] == "drsn/v1/_agent/line4/cmd/ack"
    own = button["avty"][1]
    assert own["t"] == "drsn/v1/press4.de/alarm"
    assert "value_json.event_id == 'e-1'" in own["val_tpl"]
    assert button["avty_mode"] == "all"


def test_the_shelve_button_makes_a_command_that_the_agent_accepts():
    button = components(sensor_device(ORIGIN, alarm(), velocity=False))["shelve"]
    rendered = re.sub(r"\{\{.*?\}\}", "1796040000000", button["cmd_tpl"])
    command = CommandDocument.model_validate_json(rendered)
    assert (command.sensor, command.duration_s, command.request_id) == ("press4.de", 28_800, "ha-1796040000000")
