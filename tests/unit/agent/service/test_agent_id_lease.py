"""Two agents of one name do not fight: the second does not start, and whoever is thrown out all the same stops."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from plant import STATUS
from rivals import EARLIER, HEALTH, LATER, OWN, own, say

from drsn.agent.mqtt.connection import MAX_TAKEOVERS
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.service.agent_id_lease import QUIET_S, Admission
from drsn.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from plant import Plant


@pytest.fixture
def broker() -> StubBroker:
    return StubBroker()


@pytest.fixture
def admission() -> Admission:
    return own()


@pytest.fixture
def probe(broker: StubBroker, admission: Admission) -> StubConnection:
    return StubConnection(broker, ConnectionOptions("probe", "probe", (STATUS, HEALTH)), on_message=admission.put)


def test_it_waits_for_the_broker_and_then_for_what_is_retained(admission, probe):
    assert not admission.free(probe, 0.0)
    probe.start()
    assert not admission.free(probe, 1.0)
    assert admission.free(probe, 1.0 + QUIET_S)


def test_what_a_stalled_broker_still_had_of_our_own_last_run_does_not_end_us(admission, probe, broker):
    probe.start()
    assert not admission.free(probe, 1.0)
    for now_s in (1.1, 1.2, 2.0):
        say(broker, HEALTH, instance=OWN.before)
        assert not admission.free(probe, now_s), "it may be more than that"
    assert admission.free(probe, 26.1)


@pytest.mark.parametrize("instance", [OWN.before, "77777777", None])
def test_one_that_goes_on_is_another_agent_whatever_our_directory_says(admission, probe, broker, instance):
    probe.start()
    say(broker, HEALTH, instance=OWN.before)
    assert not admission.free(probe, 1.0)
    say(broker, HEALTH, instance=instance)
    with pytest.raises(ConfigurationError, match="another agent of this name is connected"):
        admission.free(probe, 2.1)


@pytest.mark.parametrize(
    ("state", "epoch"), [("offline", "other"), ("stopped", "other"), ("online", "mine"), ("degraded", "mine")]
)
@pytest.mark.parametrize("told", [{}, {"instance": OWN.before}], ids=["nameless", "named"])
def test_what_an_earlier_agent_or_our_own_last_run_left_is_no_hindrance(admission, probe, broker, state, epoch, told):
    say(broker, state=state, epoch=epoch, **told)
    probe.start()
    admission.free(probe, 1.0)
    assert admission.free(probe, 1.0 + QUIET_S)


def test_a_copy_of_our_directory_is_told_from_our_own_last_run(admission, probe, broker):
    """Its epoch is ours. It is waited for as any other, so that it may be alive or gone."""
    say(broker, state="online", epoch="mine", instance="77777777")
    probe.start()
    admission.free(probe, 1.0)
    assert not admission.free(probe, 25.0)
    say(broker, HEALTH, agent="tester")
    with pytest.raises(ConfigurationError, match="another agent"):
        admission.free(probe, 25.5)


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


def test_a_line_that_flaps_does_not_begin_the_wait_for_a_sign_of_life_anew(admission, probe, broker):
    say(broker, state="online", epoch="other")
    probe.start()
    assert not admission.free(probe, 100.0)
    assert not admission.free(probe, 115.0)
    for away_s in (115.0, 200.0):  # the first time lost and found between two looks, the second time seen
        probe.reconnect()
        assert not admission.free(probe, away_s + 1)
    assert not admission.free(probe, 210.9)
    assert admission.free(probe, 211.5), "15 and 10 seconds it has listened"


def test_what_nobody_understands_is_no_status(admission, probe, broker):
    for payload in (b"{", b"[]", b"\xff"):
        broker.publish(STATUS, payload, 1, {}, retain=True)
    probe.start()
    admission.free(probe, 1.0)
    assert admission.free(probe, 2.0)


@pytest.mark.parametrize("state", ["online", "degraded"])
def test_who_started_later_stops_as_soon_as_it_hears_the_other(admission, probe, broker, state):
    probe.start()
    say(broker, state=state, **EARLIER)
    with pytest.raises(UnavailableError, match=r"'tester': another agent of this name, which started earlier, is conn"):
        admission.defend()  # 69: it is started again, and asks whether the other one is there to stay
    assert admission.yielded


def test_what_is_heard_wakes_the_loop(broker):
    """Else the one that is to stop would throw the other out once more before it has looked."""
    woken: list[int] = []
    admission = Admission("tester", "mine", OWN, 10.0, lambda: woken.append(1))
    StubConnection(broker, ConnectionOptions("probe", "p", (STATUS,)), on_message=admission.put).start()
    say(broker, state="online", **EARLIER)
    assert woken == [1]


def test_who_started_earlier_stays_and_says_so_once(admission, probe, broker, caplog):
    probe.start()
    for _ in range(2):
        say(broker, state="online", **LATER)
        admission.defend()
    assert not admission.yielded
    assert [record.getMessage() for record in caplog.records] == [
        "another agent of this name has connected; it started later, so it is to stop"
    ]


def test_one_that_can_not_hear_us_is_left_the_name(admission, probe, broker):
    """Its status tells no instance: it knows nothing of giving way."""
    probe.start()
    say(broker, state="online", epoch="other", since="2026-07-01T00:00:00.000Z")
    with pytest.raises(UnavailableError, match="another agent"):
        admission.defend()


@pytest.mark.parametrize(
    "told",
    [
        {"state": "online", "instance": OWN.id, "since": OWN.since},
        {"state": "offline", **EARLIER},
        {"state": "stopped", **EARLIER},
        {"agent": "tester", "uptime_s": 1.0},
        {"state": ["online"], "instance": 1},
    ],
    ids=["our own", "the will of our last run", "its goodbye", "health", "nonsense"],
)
def test_what_proves_no_other_agent_does_not_stop_us(admission, probe, broker, told):
    probe.start()
    say(broker, **told)
    admission.defend()
    assert not admission.yielded


def test_what_a_broker_retained_long_ago_does_not_stop_us(admission, probe, broker):
    """It came back from a crash with an `online` of a run before the last one."""
    say(broker, state="online", **EARLIER)
    probe.start()
    admission.defend()
    probe.reconnect()
    admission.defend()
    assert not admission.yielded


@pytest.mark.parametrize("payload", [b"", b'{"state": "offline"}', b'{"state": "stopped", "instance": "77777777"}'])
def test_who_says_that_we_are_gone_is_contradicted_once_in_a_second(admission, probe, broker, payload):
    probe.start()
    broker.publish(STATUS, payload, 1, {}, retain=True)
    admission.defend()
    assert [admission.belied(now_s) for now_s in (5.0, 5.1, 9.0)] == [True, False, False]
    for now_s, told in ((9.1, True), (9.9, False), (10.2, True)):
        broker.publish(STATUS, payload, 1, {}, retain=True)
        admission.defend()
        assert admission.belied(now_s) == told


def test_a_will_that_our_own_word_has_followed_needs_no_other(admission, probe, broker):
    """As on every connecting after a lost line, on a broker that keeps the order."""
    probe.start()
    say(broker, state="offline", instance=OWN.id)
    say(broker, state="online", instance=OWN.id)
    admission.defend()
    assert not admission.belied(5.0)


def test_a_will_that_comes_late_does_not_stand(start):
    """From a cluster of brokers, after we have connected anew."""
    plant: Plant = start(StubBroker())
    plant.runner._parts.probe.start()
    plant.turn(1)
    told = plant.retained(STATUS)
    for gone in ({"state": "offline", "instance": told["instance"]}, {"state": "offline", **EARLIER}):
        plant.runner._parts.name._admission._contradicted_s = float("-inf")
        say(plant.broker, **gone)
        assert plant.retained(STATUS)["state"] == "offline"
        plant.turn(2)
        assert plant.retained(STATUS) == told


def test_an_agent_connects_when_its_name_is_free(start, monkeypatch):
    monkeypatch.setattr("drsn.agent.service.agent_id_lease.QUIET_S", 0.0)
    plant = start(StubBroker())
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
def test_an_agent_that_is_thrown_out_comes_back_and_ends_when_that_goes_on_and_on(start, which: str):
    """By one that says nothing of itself, as no agent does. Then nobody watches, and that is said."""
    plant: Plant = start(StubBroker())
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
    with pytest.raises(UnavailableError, match="another client"):  # 69: the service is started again, not so after 78
        plant.runner.run(threading.Event())
    assert other.connected, "nobody threw it out in turn"
    assert plant.retained(STATUS)["state"] == "offline"


def test_an_agent_that_gives_way_leaves_the_other_its_status(start, monkeypatch):
    """Whichever of them is connected at that moment: an `offline` of ours would hide that somebody watches."""
    monkeypatch.setattr("drsn.agent.service.agent_id_lease.QUIET_S", 0.0)
    plant: Plant = start(StubBroker())
    for connection in (plant.control, plant.ingest):
        connection.stop()
    told = {"state": "online", "instance": "77777777", "since": "2001-01-01T00:00:00.000Z"}
    turn = plant.runner.turn

    def met() -> None:
        turn()
        if plant.broker.retained.get(STATUS, b"").find(plant.runner._parts.instance.id.encode()) > 0:
            say(plant.broker, **told)

    plant.runner.turn = met
    with pytest.raises(UnavailableError, match="started earlier"):
        plant.runner.run(threading.Event())
    assert plant.retained(STATUS) == told
    assert not any(each.connected for each in (plant.control, plant.ingest, plant.runner._parts.probe))


def test_the_will_tells_the_run_that_it_is_of(start):
    plant: Plant = start(StubBroker())
    plant.turn(1)
    told = plant.retained(STATUS)
    plant.crash()
    will = plant.retained(STATUS)
    assert (told["state"], will["state"]) == ("online", "offline")
    assert told["instance"] == will["instance"] == plant.runner._parts.instance.id


@pytest.mark.parametrize("gone", [{"state": "stopped", **EARLIER}, {"state": "offline", **EARLIER}, None])
def test_one_that_stops_while_its_name_is_waited_for_leaves_it(admission, probe, broker, gone):
    """Its operator has stopped it for us, or emptied what the broker retains of it: no reason to end for good."""
    say(broker, state="online", **EARLIER)
    probe.start()
    assert not admission.free(probe, 1.0)
    broker.publish(STATUS, b"" if gone is None else json.dumps(gone).encode(), 1, {}, retain=True)
    assert admission.free(probe, 2.0)
