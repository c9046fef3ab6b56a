"""Two agents of one name do not fight: the second does not start, and whoever is thrown out all the same stops."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from plant import STATUS

from drsn.agent.address import Broker
from drsn.agent.admission import QUIET_S, Admission
from drsn.agent.memory import MemoryBroker, MemoryConnection
from drsn.agent.mqtt import TAKEN_OVER, Connection
from drsn.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from plant import Plant

HEALTH = "drsn/v1/_agent/tester/health"


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def admission() -> Admission:
    return Admission("tester", "mine", health_every_s=10.0)


@pytest.fixture
def probe(broker: MemoryBroker, admission: Admission) -> MemoryConnection:
    return MemoryConnection(broker, name="probe", client_id="probe", filters=(STATUS, HEALTH), on_message=admission.put)


def say(broker: MemoryBroker, topic: str = STATUS, **document: object) -> None:
    broker.publish(topic, json.dumps(document).encode(), 1, {}, retain=True)


def test_it_waits_for_the_broker_and_then_for_what_is_retained(admission, probe):
    assert not admission.free(probe, 0.0)
    probe.start()
    assert not admission.free(probe, 1.0)
    assert admission.free(probe, 1.0 + QUIET_S)


@pytest.mark.parametrize(
    ("state", "epoch"), [("offline", "other"), ("stopped", "other"), ("online", "mine"), ("degraded", "mine")]
)
def test_what_an_earlier_agent_or_our_own_last_run_left_is_no_hindrance(admission, probe, broker, state, epoch):
    say(broker, state=state, epoch=epoch)
    probe.start()
    admission.free(probe, 1.0)
    assert admission.free(probe, 1.0 + QUIET_S)


@pytest.mark.parametrize("topic", [STATUS, HEALTH])
def test_a_living_agent_of_this_name_stops_us(admission, probe, broker, topic):
    say(broker, state="online", epoch="other")
    probe.start()
    for now_s in (1.0, 5.0, 20.0):
        assert not admission.free(probe, now_s)
    say(broker, topic, **({"state": "online", "epoch": "other"} if topic == STATUS else {"agent": "tester"}))
    with pytest.raises(ConfigurationError, match=r"agent\.id 'tester': another agent .*; give each its own"):
        admission.free(probe, 21.0)


def test_one_that_the_broker_finds_dead_leaves_its_name(admission, probe, broker):
    say(broker, state="online", epoch="other")
    probe.start()
    assert not admission.free(probe, 1.0)
    say(broker, state="offline", epoch="other")
    assert admission.free(probe, 2.0)


def test_one_that_nothing_comes_from_is_taken_for_gone(admission, probe, broker):
    """Its machine was replaced while the broker was down: the status stands for ever."""
    say(broker, state="online", epoch="other")
    probe.start()
    assert not admission.free(probe, 1.0)
    assert not admission.free(probe, 25.0)
    assert admission.free(probe, 26.5)


def test_what_nobody_understands_is_no_status(admission, probe, broker):
    for payload in (b"{", b"[]", b"\xff"):
        broker.publish(STATUS, payload, 1, {}, retain=True)
    probe.start()
    admission.free(probe, 1.0)
    assert admission.free(probe, 2.0)


def test_an_agent_connects_when_its_name_is_free(start, monkeypatch):
    monkeypatch.setattr("drsn.agent.admission.QUIET_S", 0.0)
    plant = start(MemoryBroker())
    for connection in (plant.control, plant.ingest):
        connection.stop()
    stop = threading.Event()
    turn, turns = plant.runner.turn, []

    def counted() -> None:
        turn()
        turns.append(plant.ingest.connected and plant.control.connected)
        if len(turns) == 3:
            stop.set()

    plant.runner.turn = counted
    plant.runner.run(stop)
    assert turns[-1]
    assert not plant.runner._parts.probe.connected
    assert plant.retained(STATUS)["state"] == "stopped"


@pytest.mark.parametrize("which", ["control", "ingest"])
def test_an_agent_that_is_thrown_out_ends_so_that_its_next_start_asks_who_it_was(start, which: str):
    plant: Plant = start(MemoryBroker())
    plant.turn(1)
    mine = getattr(plant, which)
    other = MemoryConnection(plant.broker, name="other", client_id=mine._client_id, receive_maximum=20)
    other.start()
    say(plant.broker, state="online", epoch="other")
    with pytest.raises(UnavailableError, match="another client"):  # 69: the service is started again, not so after 78
        plant.runner.run(threading.Event())
    assert other.connected, "nobody threw it out in turn"
    assert plant.retained(STATUS) == {"state": "online", "epoch": "other"}


def test_the_reason_of_mqtt_5_ends_the_real_connection_for_good():
    connection = Connection(Broker("127.0.0.1", 1), name="x", client_id="x")
    for value, taken_over in ((128, False), (TAKEN_OVER, True)):
        connection._connected = True
        connection._disconnected_callback(threading.Event(), None, None, None, SimpleNamespace(value=value), None)
        assert (connection.taken_over, connection._stopping.is_set()) == (taken_over, taken_over)
