"""The retained summary of an agent's alarms: after the alarms it is made of, at most once a second, on each connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.mqtt.stub import StubBroker

if TYPE_CHECKING:
    from plant import Plant

SUMMARY = "drsn/v1/_agent/tester/alarms"


def summaries(plant: Plant) -> list[dict]:
    return plant.heard(SUMMARY)


def alarm_in(plant: Plant, sensor: str, label: str = "inner_race") -> None:
    plant.say(sensor, label)
    plant.turn()


@pytest.fixture
def plant(start) -> Plant:
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    plant.turn()
    return plant


def test_a_new_connection_gets_a_summary_also_when_nothing_stands(plant):
    (summary,) = summaries(plant)
    assert (summary["agent"], summary["alarms"], summary["not_watched"]) == ("tester", [], [])
    assert set(summary["counts"].values()) == {0}


@pytest.mark.promise(
    "The summary `<prefix>/_agent/<id>/alarms` is retained and goes out after the alarms that it is made of, which go "
    "out after their events.",
    where="delivery/summary_publisher",
    topic="alarms",
)
def test_the_summary_follows_the_alarm_which_follows_the_event(plant):
    plant.clock.ahead_s += 2
    alarm_in(plant, "a")
    order = [topic for topic, _ in plant.broker.log if topic.startswith("drsn/v1/a/") and "result" not in topic]
    assert order == ["drsn/v1/a/event", "drsn/v1/a/alarm"]
    last = [topic for topic, _ in plant.broker.log if topic in ("drsn/v1/a/alarm", SUMMARY)]
    assert last[-1] == SUMMARY
    retained, alarm = plant.retained(SUMMARY), plant.retained("drsn/v1/a/alarm")
    (entry,) = retained["alarms"]
    assert (entry["sensor"], entry["seq"]) == ("a", alarm["seq"])
    assert entry["conditions"][0]["event_id"] == alarm["event_id"]
    assert (retained["counts"]["not_normal"], retained["counts"]["active"], retained["counts"]["unacked"]) == (1, 1, 1)


def test_a_summary_goes_out_at_most_once_a_second_and_has_the_latest_state(plant):
    plant.clock.ahead_s += 2
    for label in ("inner_race", "normal", "ball", "normal", "inner_race"):
        alarm_in(plant, "a", label)
    assert len(summaries(plant)) == 2
    plant.clock.ahead_s += 1
    plant.turn()
    assert len(summaries(plant)) == 3
    assert [each["condition"] for each in summaries(plant)[-1]["alarms"][0]["conditions"]] == ["inner_race"]
    plant.clock.ahead_s += 5
    plant.turn()
    assert len(summaries(plant)) == 3, "nothing has changed"


def test_an_alarm_that_is_over_leaves_the_summary(plant):
    for label in ("inner_race", "normal"):
        plant.clock.ahead_s += 2
        alarm_in(plant, "a", label)
    assert (summaries(plant)[-1]["alarms"], summaries(plant)[-1]["counts"]["sensors"]) == ([], 1)


def test_each_connection_gets_the_summary_again_before_the_backlog_of_events(plant):
    plant.clock.ahead_s += 2
    alarm_in(plant, "a")
    plant.control.lose()
    alarm_in(plant, "b")  # committed, not published
    before = len(plant.broker.log)
    plant.control.start()
    plant.turn()
    topics = [topic for topic, _ in plant.broker.log[before:]]
    assert topics.index("drsn/v1/b/alarm") < topics.index(SUMMARY) < len(topics)
    assert {entry["sensor"] for entry in summaries(plant)[-1]["alarms"]} == {"a", "b"}


def test_an_agent_that_stops_leaves_a_summary_of_the_end(plant):
    plant.clock.ahead_s += 2
    alarm_in(plant, "a")
    plant.say("b", "ball")  # within the same second
    plant.turn()
    plant.loop.shutdown.drain()
    plant.loop.shutdown.farewell()
    assert {entry["sensor"] for entry in plant.retained(SUMMARY)["alarms"]} == {"a", "b"}


def test_a_broker_that_refuses_the_summary_degrades_the_agent(start):
    plant = start(StubBroker(denied=(SUMMARY,)))
    plant.turn()
    assert plant.agent.status.document().reasons == ("broker refuses alarms: Not authorized",)


def test_a_source_that_is_not_watched_is_in_the_summary_with_its_remedy(plant):
    """`max_sensors` is four in this plant."""
    for sensor in "abcde":
        plant.say(sensor, "normal")
    plant.turn()
    plant.clock.ahead_s += 2
    plant.turn()
    summary = summaries(plant)[-1]
    assert summary["counts"]["not_watched"] == len(summary["not_watched"]) == 1
    assert (summary["not_watched"][0]["source"], summary["not_watched"][0]["reason"]) == ("e", "max_sensors")
    assert "max_sensors" in summary["not_watched"][0]["remedy"]
