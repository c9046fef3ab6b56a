"""The name is borne by connections that start when it is free."""

from __future__ import annotations

import pytest

from drsn.agent.mqtt.connection import MAX_TAKEOVERS
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.service.agent_id_lease import Admission
from drsn.agent.service.name import Name
from drsn.agent.service.run_id import Instance
from drsn.model.errors import ConfigurationError, UnavailableError


@pytest.fixture
def taken() -> list[bool]:
    """Whether a bearer was connected already, at each time the name was taken."""
    return []


@pytest.fixture
def bearer() -> StubConnection:
    return StubConnection(StubBroker(), ConnectionOptions("bearer", "bearer"))


@pytest.fixture
def name(bearer: StubConnection, taken: list[bool]) -> Name:
    admission = Admission("tester", "mine", Instance("55555555", "2026"), 10.0)
    probe = StubConnection(bearer.broker, ConnectionOptions("probe", "probe", ("s",)), on_message=admission.put)
    return Name("tester", admission, probe, (bearer,), lambda: taken.append(bearer.connected))


def test_the_run_is_written_down_once_before_it_connects(name: Name, bearer: StubConnection, taken: list[bool]):
    name.ask()
    name.keep(1.0)
    assert (name.held, bearer.connected) == (False, False)
    for now_s in (2.0, 3.0):
        name.keep(now_s)
    assert name.held
    assert bearer.connected
    assert taken == [False]


def test_while_it_is_asked_for_who_asks_has_to_be_alive_and_nobody_else(name: Name, bearer: StubConnection):
    bearer.alive = False
    assert not name.alive
    name.ask()
    assert name.alive
    name._probe.alive = False
    assert not name.alive, "nobody would ever hear that it is free"


def test_who_takes_a_bearers_connection_again_and_again_ends_us(name: Name, bearer: StubConnection):
    for _ in range(MAX_TAKEOVERS):
        name.keep(1.0)
        bearer.start()
        bearer.lose(taken_over=True)
    with pytest.raises(UnavailableError, match="another client takes its connection again and again"):
        name.keep(1.0)
    assert not name.lost, "nobody is known who would say how things are"


def test_whoever_has_it_is_nobody_of_our_own_past(name: Name, bearer: StubConnection, taken: list[bool]):
    """The directory may be a copy of the other one's, and takes the status that stands for its own."""
    name.ask()
    name.keep(1.0)
    bearer.broker.publish("s", b'{"state": "online", "instance": "77777777"}', 1, {}, retain=False)
    with pytest.raises(ConfigurationError, match="another agent of this name is connected"):
        name.keep(1.1)
    assert taken == [False]
