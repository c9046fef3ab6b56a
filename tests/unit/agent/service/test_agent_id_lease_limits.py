"""A status or health document that no agent would publish: what it does to who listens for another of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from plant import STATUS
from rivals import EARLIER, HEALTH, own, say

from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.service.agent_id_lease import MAX_SAID_BYTES, QUIET_S, Admission
from drsn.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from plant import Plant

HUGE = {"state": "online", **EARLIER, "reasons": ["x" * 3 * MAX_SAID_BYTES]}
"""Whoever said it, it was no agent of ours."""


@pytest.fixture
def broker() -> StubBroker:
    return StubBroker()


@pytest.fixture
def admission() -> Admission:
    return own()


def hears(broker: StubBroker, admission: Admission, protocol: str) -> StubConnection:
    """A probe with the agent's limits: a broker of MQTT 5 keeps what is too large, one of 3.1.1 does not."""
    packet_bytes = 2 * MAX_SAID_BYTES if protocol == "5" else None
    options = ConnectionOptions(
        "probe", "probe", (STATUS, HEALTH), max_payload_bytes=MAX_SAID_BYTES, max_packet_bytes=packet_bytes
    )
    probe = StubConnection(broker, options, on_message=admission.put)
    probe.start()
    return probe


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_retained_status_that_is_far_too_large_keeps_nobody_from_the_name(admission, broker, protocol):
    say(broker, **HUGE)
    probe = hears(broker, admission, protocol)
    assert not admission.free(probe, 1.0)
    assert admission.free(probe, 1.0 + QUIET_S)
    admission.defend()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_one_far_too_large_that_comes_live_does_not_end_an_agent_that_has_the_name(admission, broker, protocol):
    hears(broker, admission, protocol)
    say(broker, **HUGE)
    admission.defend()
    assert (admission.yielded, admission.belied(5.0)) == (False, False)
    say(broker, state="online", **EARLIER)
    with pytest.raises(UnavailableError):
        admission.defend()


def test_on_3_1_1_one_far_too_large_that_comes_live_says_that_the_name_is_taken(admission, broker):
    """As all that comes live while nobody of this name should be there."""
    probe = hears(broker, admission, "3.1.1")
    admission.free(probe, 1.0)
    say(broker, **HUGE)
    with pytest.raises(ConfigurationError, match="another agent of this name"):
        admission.free(probe, 1.1)


def test_a_real_agent_s_status_is_far_from_what_is_too_large(start):
    plant: Plant = start(StubBroker())
    plant.turn(1)
    plant.runner._parts.publisher.health(plant.runner.health())
    said = [len(plant.broker.retained[topic]) for topic in (STATUS, HEALTH)]
    assert max(said) * 10 < MAX_SAID_BYTES
    limits = plant.runner._parts.probe.options.limits
    assert (limits.payload_bytes, limits.packet_bytes) == (MAX_SAID_BYTES, 2 * MAX_SAID_BYTES)
