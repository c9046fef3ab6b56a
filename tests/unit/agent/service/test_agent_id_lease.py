"""The lease on the agent.id: the agent connects when the id is free, and ends when another agent or client takes it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from plant import NO_WAITS, STATUS
from rivals import EARLIER, say

from drsn.agent.mqtt.connection import MAX_TAKEOVERS
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.service.agent_id_lease import AgentIdLease
from drsn.agent.service.lease_acquisition import LeaseAcquisition
from drsn.agent.service.lease_defence import LeaseDefence
from drsn.agent.service.peer_status import StatusInbox
from drsn.agent.service.run_id import RunId
from drsn.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from plant import Plant


@pytest.fixture
def taken() -> list[bool]:
    """Whether a bearer was connected already, at each time the name was taken."""
    return []


@pytest.fixture
def bearer() -> StubConnection:
    return StubConnection(StubBroker(), ConnectionOptions("bearer", "bearer"))


@pytest.fixture
def lease(bearer: StubConnection, taken: list[bool]) -> AgentIdLease:
    statuses, run = StatusInbox(), RunId("55555555", "2026")
    probe = StubConnection(bearer.broker, ConnectionOptions("probe", "probe", ("s",)), on_message=statuses.put)
    acquisition = LeaseAcquisition("tester", "mine", run, statuses, health_every_s=10.0)
    defence = LeaseDefence("tester", run, statuses)
    return AgentIdLease("tester", acquisition, defence, probe, (bearer,), lambda: taken.append(bearer.connected))


def test_the_run_is_written_once_before_it_connects(lease: AgentIdLease, bearer: StubConnection, taken: list[bool]):
    lease.request()
    lease.tend(1.0)
    assert (lease.held, bearer.connected) == (False, False)
    for now_s in (2.0, 3.0):
        lease.tend(now_s)
    assert lease.held
    assert bearer.connected
    assert taken == [False]


def test_what_the_broker_retains_is_read_before_it_connects(lease: AgentIdLease, bearer: StubConnection):
    class Slow:
        until_s, adopted = 9.0, ()

        def complete(self, now_s: float) -> bool:
            return now_s >= self.until_s

        def adopt(self) -> None:
            self.adopted = (*self.adopted, bearer.connected)

    lease.preparation = slow = Slow()
    lease.request()
    for now_s in (1.0, 2.0, 8.9):
        lease.tend(now_s)
        assert (lease.held, bearer.connected, slow.adopted) == (False, False, ())
    for now_s in (9.0, 10.0):
        lease.tend(now_s)
    assert (lease.held, bearer.connected, slow.adopted) == (True, True, (False,))


def test_while_it_is_asked_for_who_asks_has_to_be_alive_and_nobody_else(lease: AgentIdLease, bearer: StubConnection):
    bearer.alive = False
    assert not lease.alive
    lease.request()
    assert lease.alive
    lease._probe.alive = False
    assert not lease.alive, "nobody would ever hear that it is free"


def test_who_takes_a_bearers_connection_again_and_again_ends_us(lease: AgentIdLease, bearer: StubConnection):
    for _ in range(MAX_TAKEOVERS):
        lease.tend(1.0)
        bearer.start()
        bearer.lose(taken_over=True)
    with pytest.raises(UnavailableError, match="another MQTT client repeatedly takes over its connection"):
        lease.tend(1.0)
    assert not lease.lost, "nobody is known who would say how things are"


def test_whoever_has_it_is_nobody_of_our_own_past(lease: AgentIdLease, bearer: StubConnection, taken: list[bool]):
    """The directory may be a copy of the other one's, and takes the status that stands for its own."""
    lease.request()
    lease.tend(1.0)
    bearer.broker.publish("s", b'{"state": "online", "instance": "77777777"}', 1, {}, retain=False)
    with pytest.raises(ConfigurationError, match="another agent with this id is connected"):
        lease.tend(1.1)
    assert taken == [False]


@pytest.mark.promise(
    "A last will that the broker publishes after the agent has connected again is corrected: the status goes "
    "out again.",
    where="service/lease_defence, service/health",
    topic="identity",
)
def test_a_will_that_comes_late_does_not_stand(start):
    """From a cluster of brokers, after we have connected anew."""
    plant: Plant = start(StubBroker())
    plant.agent.connections.probe.start()
    plant.turn(1)
    told = plant.retained(STATUS)
    for gone in ({"state": "offline", "instance": told["instance"]}, {"state": "offline", **EARLIER}):
        plant.clock.ahead_s += 1.0
        say(plant.broker, **gone)
        assert plant.retained(STATUS)["state"] == "offline"
        plant.turn(2)
        assert plant.retained(STATUS) == told


def test_an_agent_connects_when_its_name_is_free(start, monkeypatch):
    plant = start(StubBroker())
    for connection in (plant.control, plant.ingest):
        connection.stop()
    stop = threading.Event()
    turn, turns = plant.loop.turn, []

    def counted() -> None:
        turn()
        turns.append(plant.ingest.connected and plant.control.connected)
        if len(turns) == 3:
            stop.set()

    plant.loop.turn = counted
    plant.loop.run(stop)
    assert turns[-1]
    assert not plant.agent.connections.probe.connected
    assert plant.retained(STATUS)["state"] == "stopped"


@pytest.mark.parametrize("which", ["control", "ingest"])
@pytest.mark.promise(
    "An agent whose connection another client takes over connects again. If that happens again and again, on a "
    "broker that gives the reason (MQTT 5, 142), it ends with 69, publishes `offline`, and leaves the other "
    "client alone.",
    where="mqtt/connection, service/agent_id_lease",
    topic="identity",
)
def test_an_agent_that_is_thrown_out_comes_back_and_ends_when_that_goes_on_and_on(start, which: str):
    """By one that says nothing of itself, as no agent does. Then nobody watches, and that is said."""
    plant: Plant = start(StubBroker(), waits=replace(NO_WAITS, quiet_s=60.0))
    plant.turn(1)
    mine = getattr(plant, which)
    same_id = ConnectionOptions("other", mine.options.client_id, receive_maximum=20)
    for _ in range(MAX_TAKEOVERS - 1):
        StubConnection(plant.broker, same_id).start()
        mine.start()
        plant.turn(1)
        assert plant.retained(STATUS)["state"] == "online"
    other = StubConnection(plant.broker, same_id)
    other.start()
    with pytest.raises(
        UnavailableError, match="another MQTT client"
    ):  # 69: the service is started again, not so after 78
        plant.loop.run(threading.Event())
    assert other.connected, "nobody threw it out in turn"
    assert plant.retained(STATUS)["state"] == "offline"


@pytest.mark.promise(
    "An agent that ends because of another leaves the other's status in place, and publishes no `offline` over it.",
    where="service/agent_id_lease, service/shutdown",
    topic="identity",
)
def test_an_agent_that_gives_way_leaves_the_other_its_status(start, monkeypatch):
    """Whichever of them is connected at that moment: an `offline` of ours would hide that somebody watches."""
    plant: Plant = start(StubBroker())
    for connection in (plant.control, plant.ingest):
        connection.stop()
    told = {"state": "online", "instance": "77777777", "since": "2001-01-01T00:00:00.000Z"}
    turn = plant.loop.turn

    def met() -> None:
        turn()
        if plant.broker.retained.get(STATUS, b"").find(plant.agent.status.info.run.id.encode()) > 0:
            say(plant.broker, **told)

    plant.loop.turn = met
    with pytest.raises(UnavailableError, match="started earlier"):
        plant.loop.run(threading.Event())
    assert plant.retained(STATUS) == told
    assert not any(each.connected for each in (plant.control, plant.ingest, plant.agent.connections.probe))


def test_the_will_tells_the_run_that_it_is_of(start):
    plant: Plant = start(StubBroker())
    plant.turn(1)
    told = plant.retained(STATUS)
    plant.crash()
    will = plant.retained(STATUS)
    assert (told["state"], will["state"]) == ("online", "offline")
    assert told["instance"] == will["instance"] == plant.agent.status.info.run.id
