"""Two agents read one sensor under one prefix: each finds the other's name on its own alarm topics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.service.shared_sensors import EXPIRES_S, REPEAT_S

if TYPE_CHECKING:
    from plant import Plant

ALARM = "drsn/v1/a/alarm"
STATUS = "drsn/v1/_agent/tester/status"


@pytest.fixture
def plant(start) -> Plant:
    plant = start(StubBroker())
    plant.agent.connections.probe.start()
    plant.agent.lease.preparation.adopt()
    plant.say("a", "normal")
    plant.turn()
    return plant


def other(plant: Plant, sensor: str = "a", agent: str = "line5") -> None:
    """Another agent publishes the alarm of a sensor."""
    document = {**plant.retained(ALARM), "agent": agent, "sensor": sensor}
    payload = json.dumps(document, separators=(",", ":")).encode()
    plant.broker.publish(f"drsn/v1/{sensor}/alarm", payload, 1, {}, retain=True)
    plant.turn()
    plant.clock.ahead_s += 1.1  # the sweep of the sources
    plant.turn()


def warnings(plant: Plant) -> list[str]:
    return [each for each in plant.retained(STATUS)["warnings"] if "another agent" in each]


def published(plant: Plant) -> int:
    """How often this agent has published the alarm."""
    return sum(document["agent"] == "tester" for document in plant.heard(ALARM))


def test_it_is_told_in_the_status_and_in_the_alarm_and_ours_goes_out_again(plant: Plant):
    other(plant)
    (warning,) = warnings(plant)
    assert warning.startswith("1 sensor is also read by another agent with the same prefix: a (line5); give each")
    document = plant.retained(ALARM)
    assert (document["agent"], document["state"]) == ("tester", "not_watched")
    assert document["not_watched"]["reason"] == "other_agent"
    plant.say("a", "normal")
    plant.clock.ahead_s += 1.1
    plant.turn()
    assert plant.retained(ALARM)["not_watched"]["reason"] == "other_agent", "packets of the sensor change nothing"


def test_the_two_do_not_answer_each_other_for_ever(plant: Plant):
    other(plant)
    before = published(plant)
    for _ in range(5):
        other(plant)
    assert published(plant) == before
    plant.clock.ahead_s += REPEAT_S
    plant.turn()
    assert published(plant) == before + 1, "the other agent must find out that we still read it"


def test_it_is_over_when_the_other_agent_publishes_it_no_more(plant: Plant):
    other(plant)
    plant.clock.ahead_s += EXPIRES_S + 1
    plant.turn()
    plant.say("a", "normal")
    plant.turn()
    plant.clock.ahead_s += 1.1
    plant.turn()
    assert warnings(plant) == []
    assert plant.retained(ALARM)["state"] == "normal"


def test_other_sensors_our_own_words_and_documents_of_no_agent_count_for_nothing(plant: Plant):
    other(plant, sensor="z")
    other(plant, agent="tester")
    for payload in (b"", b"{", b"[]", b'{"agent": 5}', b'{"agent": "../x"}', b"[" * 100_000):
        plant.broker.publish(ALARM, payload, 1, {}, retain=False)
        plant.turn()
    plant.broker.retained[ALARM] = json.dumps({"agent": "line5"}).encode()
    plant.agent.connections.probe.reconnect()  # its retained document comes: line5 may be gone for long
    plant.turn()
    assert warnings(plant) == []


def test_an_account_that_may_not_read_the_alarms_is_a_warning_and_no_degradation(plant: Plant):
    plant.agent.connections.probe.denied = ("drsn/v1/+/alarm",)
    plant.turn()
    assert plant.retained(STATUS)["state"] == "online"
    assert "does not allow the agent to read the alarms under agent.prefix" in str(plant.retained(STATUS)["warnings"])
