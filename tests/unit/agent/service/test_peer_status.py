"""A status or health document that no agent would publish: what it does to who listens for another of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from plant import STATUS
from rivals import EARLIER, HEALTH, Ours, own, say

from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.service.lease_acquisition import QUIET_S
from drsn.agent.service.peer_status import MAX_STATUS_BYTES
from drsn.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from plant import Plant

HUGE = {"state": "online", **EARLIER, "reasons": ["x" * 3 * MAX_STATUS_BYTES]}
"""Whoever said it, it was no agent of ours."""


@pytest.fixture
def broker() -> StubBroker:
    return StubBroker()


@pytest.fixture
def ours() -> Ours:
    return own()


def hears(broker: StubBroker, ours: Ours, protocol: str) -> StubConnection:
    """A probe with the agent's limits: a broker of MQTT 5 keeps what is too large, one of 3.1.1 does not."""
    packet_bytes = 2 * MAX_STATUS_BYTES if protocol == "5" else None
    options = ConnectionOptions(
        "probe", "probe", (STATUS, HEALTH), max_payload_bytes=MAX_STATUS_BYTES, max_packet_bytes=packet_bytes
    )
    probe = StubConnection(broker, options, on_message=ours.put)
    probe.start()
    return probe


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_retained_status_that_is_far_too_large_keeps_nobody_from_the_name(ours, broker, protocol):
    say(broker, **HUGE)
    probe = hears(broker, ours, protocol)
    assert not ours.free(probe, 1.0)
    assert ours.free(probe, 1.0 + QUIET_S)
    ours.defend()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_one_far_too_large_that_comes_live_does_not_end_an_agent_that_has_the_name(ours, broker, protocol):
    hears(broker, ours, protocol)
    say(broker, **HUGE)
    ours.defend()
    assert (ours.lost, ours.contradict(5.0)) == (False, False)
    say(broker, state="online", **EARLIER)
    with pytest.raises(UnavailableError):
        ours.defend()


def test_on_3_1_1_one_far_too_large_that_comes_live_says_that_the_name_is_taken(ours, broker):
    """As all that comes live while nobody of this name should be there."""
    probe = hears(broker, ours, "3.1.1")
    ours.free(probe, 1.0)
    say(broker, **HUGE)
    with pytest.raises(ConfigurationError, match="another agent with this id"):
        ours.free(probe, 1.1)


def test_a_real_agent_s_status_is_far_from_what_is_too_large(start):
    plant: Plant = start(StubBroker())
    plant.turn(1)
    plant.agent.publisher.health(plant.health())
    said = [len(plant.broker.retained[topic]) for topic in (STATUS, HEALTH)]
    assert max(said) * 10 < MAX_STATUS_BYTES
    limits = plant.agent.connections.probe.options.limits
    assert (limits.payload_bytes, limits.packet_bytes) == (MAX_STATUS_BYTES, 2 * MAX_STATUS_BYTES)
