"""An agent takes its agent.id only when no other agent uses it at the broker."""

from __future__ import annotations

import json

import pytest
from plant import STATUS
from rivals import EARLIER, HEALTH, OWN, Ours, own, say

from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.service.lease_acquisition import QUIET_S
from drsn.agent.service.peer_status import StatusInbox
from drsn.model.errors import ConfigurationError


@pytest.fixture
def broker() -> StubBroker:
    return StubBroker()


@pytest.fixture
def ours() -> Ours:
    return own()


@pytest.fixture
def probe(broker: StubBroker, ours: Ours) -> StubConnection:
    return StubConnection(broker, ConnectionOptions("probe", "probe", (STATUS, HEALTH)), on_message=ours.put)


def test_it_waits_for_the_broker_and_then_for_what_is_retained(ours, probe):
    assert not ours.free(probe, 0.0)
    probe.start()
    assert not ours.free(probe, 1.0)
    assert ours.free(probe, 1.0 + QUIET_S)


def test_what_a_stalled_broker_still_had_of_our_own_last_run_does_not_end_us(ours, probe, broker):
    probe.start()
    assert not ours.free(probe, 1.0)
    for now_s in (1.1, 1.2, 2.0):
        say(broker, HEALTH, instance=OWN.before)
        assert not ours.free(probe, now_s), "it may be more than that"
    assert ours.free(probe, 26.1)


@pytest.mark.parametrize("instance", [OWN.before, "77777777", None])
def test_one_that_goes_on_is_another_agent_whatever_our_directory_says(ours, probe, broker, instance):
    probe.start()
    say(broker, HEALTH, instance=OWN.before)
    assert not ours.free(probe, 1.0)
    say(broker, HEALTH, instance=instance)
    with pytest.raises(ConfigurationError, match="another agent with this id is connected"):
        ours.free(probe, 2.1)


@pytest.mark.parametrize(
    ("state", "epoch"), [("offline", "other"), ("stopped", "other"), ("online", "mine"), ("degraded", "mine")]
)
@pytest.mark.parametrize("told", [{}, {"instance": OWN.before}], ids=["nameless", "named"])
def test_what_an_earlier_agent_or_our_own_last_run_left_is_no_hindrance(ours, probe, broker, state, epoch, told):
    say(broker, state=state, epoch=epoch, **told)
    probe.start()
    ours.free(probe, 1.0)
    assert ours.free(probe, 1.0 + QUIET_S)


def test_a_copy_of_our_directory_is_told_from_our_own_last_run(ours, probe, broker):
    """Its epoch is ours. It is waited for as any other, so that it may be alive or gone."""
    say(broker, state="online", epoch="mine", instance="77777777")
    probe.start()
    ours.free(probe, 1.0)
    assert not ours.free(probe, 25.0)
    say(broker, HEALTH, agent="tester")
    with pytest.raises(ConfigurationError, match="another agent"):
        ours.free(probe, 25.5)


@pytest.mark.parametrize("topic", [STATUS, HEALTH])
def test_a_living_agent_of_this_name_stops_us(ours, probe, broker, topic):
    say(broker, state="online", epoch="other")
    probe.start()
    for now_s in (1.0, 5.0, 20.0):
        assert not ours.free(probe, now_s)
    say(broker, topic, **({"state": "online", "epoch": "other"} if topic == STATUS else {"agent": "tester"}))
    with pytest.raises(ConfigurationError, match=r"agent\.id 'tester': another agent .*; give each agent its own"):
        ours.free(probe, 21.0)


def test_one_that_the_broker_finds_dead_leaves_its_name(ours, probe, broker):
    say(broker, state="online", epoch="other")
    probe.start()
    assert not ours.free(probe, 1.0)
    say(broker, state="offline", epoch="other")
    assert ours.free(probe, 2.0)


def test_one_that_nothing_comes_from_is_taken_for_gone(ours, probe, broker):
    """Its machine was replaced while the broker was down: the status stands for ever."""
    say(broker, state="online", epoch="other")
    probe.start()
    assert not ours.free(probe, 1.0)
    assert not ours.free(probe, 25.0)
    assert ours.free(probe, 26.5)


def test_a_line_that_flaps_does_not_begin_the_wait_for_a_sign_of_life_anew(ours, probe, broker):
    say(broker, state="online", epoch="other")
    probe.start()
    assert not ours.free(probe, 100.0)
    assert not ours.free(probe, 115.0)
    for away_s in (115.0, 200.0):  # the first time lost and found between two looks, the second time seen
        probe.reconnect()
        assert not ours.free(probe, away_s + 1)
    assert not ours.free(probe, 210.9)
    assert ours.free(probe, 211.5), "15 and 10 seconds it has listened"


def test_what_nobody_understands_is_no_status(ours, probe, broker):
    for payload in (b"{", b"[]", b"\xff"):
        broker.publish(STATUS, payload, 1, {}, retain=True)
    probe.start()
    ours.free(probe, 1.0)
    assert ours.free(probe, 2.0)


def test_a_status_wakes_the_loop(broker):
    """Else the one that is to stop would throw the other out once more before it has looked."""
    woken: list[int] = []
    ours = own(StatusInbox(lambda: woken.append(1)))
    StubConnection(broker, ConnectionOptions("probe", "p", (STATUS,)), on_message=ours.put).start()
    say(broker, state="online", **EARLIER)
    assert woken == [1]


@pytest.mark.parametrize("gone", [{"state": "stopped", **EARLIER}, {"state": "offline", **EARLIER}, None])
def test_one_that_stops_while_its_name_is_waited_for_leaves_it(ours, probe, broker, gone):
    """Its operator has stopped it for us, or emptied what the broker retains of it: no reason to end for good."""
    say(broker, state="online", **EARLIER)
    probe.start()
    assert not ours.free(probe, 1.0)
    broker.publish(STATUS, b"" if gone is None else json.dumps(gone).encode(), 1, {}, retain=True)
    assert ours.free(probe, 2.0)
