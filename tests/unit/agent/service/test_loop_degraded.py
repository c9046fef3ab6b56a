"""An agent that runs, but not on the engine that its machine was prepared for."""

from __future__ import annotations

import threading

import pytest
from plant import STATUS

from drsn.agent.mqtt.stub import StubBroker

REASON = "backend 'tensorrt': engine x.plan: was built for Xavier, this is Orin; build one that fits: drsn-export"


@pytest.fixture
def degraded(start):
    return start(StubBroker(), reasons=(REASON,))


def test_its_status_is_degraded_with_the_reason_and_it_diagnoses_all_the_same(degraded):
    degraded.say("fan", "inner_race", windows=3)
    degraded.turn()
    status = degraded.retained(STATUS)
    assert (status["state"], status["reasons"], status["engine"]) == ("degraded", [REASON], None)
    assert degraded.retained("drsn/v1/fan/alarm")["condition"] == "inner_race"


def test_the_reason_stands_before_those_that_come_and_go(degraded):
    degraded.ingest.denied = ("plant/+/frame",)
    assert degraded.agent.status.document().reasons == (REASON, "broker denies the subscription plant/+/frame")


def test_it_is_logged_as_an_error_at_the_start(degraded, caplog):
    stop = threading.Event()
    stop.set()
    degraded.loop.run(stop)
    found = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [(record.message, record.drsn_fields["reason"]) for record in found] == [("degraded", REASON)]


def test_with_its_engine_the_status_names_it(start):
    plant = start(StubBroker(), engine="abc-orin-10.3.0-fp32.plan")
    plant.turn()
    status = plant.retained(STATUS)
    assert (status["state"], status["engine"]) == ("online", "abc-orin-10.3.0-fp32.plan")


def test_an_alarm_that_the_broker_refuses_shows_in_the_status_until_it_takes_them_on_another_connection(start, caplog):
    broker = StubBroker(denied=("drsn/v1/+/alarm",))
    plant = start(broker)
    plant.say("a", "normal")
    plant.turn()
    status = plant.retained(STATUS)
    assert (status["state"], status["reasons"]) == ("degraded", ["broker refuses alarms: Not authorized"])
    assert "broker refuses an alarm or the status" in caplog.messages
    broker.denied = ()
    plant.control.reconnect()
    plant.turn()
    assert plant.retained(STATUS)["state"] == "online"
    assert plant.retained("drsn/v1/a/alarm")["state"] == "normal"


def test_the_status_says_which_version_of_mqtt_runs_and_why_it_is_not_5(start):
    """RabbitMQ 3 closes the connection at MQTT 5; `auto` then uses 3.1.1. That degrades nothing."""
    plant = start(StubBroker())
    plant.turn()
    assert (plant.retained(STATUS)["protocol"], plant.retained(STATUS)["warnings"]) == ("5", [])
    plant.control.protocol = plant.ingest.protocol = "3.1.1"
    plant.turn()
    status = plant.retained(STATUS)
    assert (status["state"], status["protocol"]) == ("online", "3.1.1")
    (warning,) = status["warnings"]
    assert warning.startswith("MQTT 3.1.1 for packets and for alarms and commands: the broker does not accept MQTT 5")


def test_mqtt_3_1_1_that_was_asked_for_is_no_warning(start):
    plant = start(StubBroker(), more={"mqtt": {"protocol": "3.1.1"}})
    plant.control.protocol = plant.ingest.protocol = "3.1.1"
    plant.turn()
    assert (plant.retained(STATUS)["protocol"], plant.retained(STATUS)["warnings"]) == ("3.1.1", [])
