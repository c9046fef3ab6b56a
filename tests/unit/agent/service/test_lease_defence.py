"""Of two agents with one agent.id, the one that started later ends."""

from __future__ import annotations

import pytest
from plant import STATUS
from rivals import EARLIER, HEALTH, LATER, OWN, Ours, own, say

from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.model.errors import UnavailableError


@pytest.fixture
def broker() -> StubBroker:
    return StubBroker()


@pytest.fixture
def ours() -> Ours:
    return own()


@pytest.fixture
def probe(broker: StubBroker, ours: Ours) -> StubConnection:
    return StubConnection(broker, ConnectionOptions("probe", "probe", (STATUS, HEALTH)), on_message=ours.put)


@pytest.mark.parametrize("state", ["online", "degraded"])
def test_who_started_later_stops_as_soon_as_it_hears_the_other(ours, probe, broker, state):
    probe.start()
    say(broker, state=state, **EARLIER)
    with pytest.raises(UnavailableError, match=r"'tester': another agent with this id, which started earlier, is conn"):
        ours.defend()  # 69: it is started again, and asks whether the other one is there to stay
    assert ours.lost


def test_who_started_earlier_stays_and_says_so_once(ours, probe, broker, caplog):
    probe.start()
    for _ in range(2):
        say(broker, state="online", **LATER)
        ours.defend()
    assert not ours.lost
    assert [record.getMessage() for record in caplog.records] == [
        "another agent with this agent.id has connected: it started later and must stop"
    ]


def test_one_that_can_not_hear_us_is_left_the_name(ours, probe, broker):
    """Its status tells no instance: it knows nothing of giving way."""
    probe.start()
    say(broker, state="online", epoch="other", since="2026-07-01T00:00:00.000Z")
    with pytest.raises(UnavailableError, match="another agent"):
        ours.defend()


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
def test_what_proves_no_other_agent_does_not_stop_us(ours, probe, broker, told):
    probe.start()
    say(broker, **told)
    ours.defend()
    assert not ours.lost


def test_what_a_broker_retained_long_ago_does_not_stop_us(ours, probe, broker):
    """It came back from a crash with an `online` of a run before the last one."""
    say(broker, state="online", **EARLIER)
    probe.start()
    ours.defend()
    probe.reconnect()
    ours.defend()
    assert not ours.lost


@pytest.mark.parametrize("payload", [b"", b'{"state": "offline"}', b'{"state": "stopped", "instance": "77777777"}'])
def test_who_says_that_we_are_gone_is_contradicted_once_in_a_second(ours, probe, broker, payload):
    probe.start()
    broker.publish(STATUS, payload, 1, {}, retain=True)
    ours.defend()
    assert [ours.contradict(now_s) for now_s in (5.0, 5.1, 9.0)] == [True, False, False]
    for now_s, told in ((9.1, True), (9.9, False), (10.2, True)):
        broker.publish(STATUS, payload, 1, {}, retain=True)
        ours.defend()
        assert ours.contradict(now_s) == told


def test_a_will_that_our_own_word_has_followed_needs_no_other(ours, probe, broker):
    """As on every connecting after a lost line, on a broker that keeps the order."""
    probe.start()
    say(broker, state="offline", instance=OWN.id)
    say(broker, state="online", instance=OWN.id)
    ours.defend()
    assert not ours.contradict(5.0)
