"""What follows from what the trial of a broker has shown. The trial itself: tests/integration/test_brokers.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.session import CLOSED
from drsn.agent.mqtt.topics import Topics
from drsn.agent.settings.sections import Settings
from drsn.agent.tools.doctor import broker
from drsn.agent.tools.doctor.broker_session import BrokerSession
from drsn.agent.tools.doctor.broker_traits import BrokerTraits


def subject(traits: BrokerTraits, protocol: str = "5", error: str | None = None, **settings: object) -> SimpleNamespace:
    given = {
        "agent": {"id": "line4", "state_dir": "/tmp/x"},
        "inputs": [{"topic": "plant/{area}/{point}/frame", "sensor": "{area}-{point}"}],
        **settings,
    }
    return SimpleNamespace(
        traits=traits,
        topics=Topics("drsn/v1", "line4"),
        session=BrokerSession(error, protocol),
        broker=BrokerAddress("b", 1883),
        configuration=SimpleNamespace(settings=Settings(**given)),
    )


@pytest.mark.parametrize(
    ("found", "state", "text"),
    [
        ("by wildcard", "ok", "wildcards get retained"),
        ("by topic", "limited", "no retained messages to subscriptions with wildcards"),
        ("not kept", "problem", "does not keep retained messages"),
        (None, "unneeded", "may not write and read drsn/v1/_agent/line4/doctor/#"),
    ],
)
def test_retained_messages(found: str | None, state: str, text: str):
    finding = broker.retained(subject(BrokerTraits(retained=found)))
    assert finding.state == state
    assert text in finding.text


@pytest.mark.parametrize(
    ("traits", "protocol", "state", "text"),
    [
        (BrokerTraits(alarms_read=True), "5", "ok", "reads drsn/v1/+/alarm"),
        (BrokerTraits(alarms_read=False), "5", "limited", "may not read drsn/v1/+/alarm"),
        (BrokerTraits(alarms_read=False), "3.1.1", "limited", "may not read or may not write drsn/v1/+/alarm"),
        (BrokerTraits(), "5", "unneeded", "may not write drsn/v1/+/alarm"),
    ],
)
def test_reading_alarms(traits: BrokerTraits, protocol: str, state: str, text: str):
    finding = broker.alarms(subject(traits, protocol))
    assert (finding.state, finding.exit_code, text in finding.text) == (state, 0, True)


def test_where_wildcards_get_nothing_the_remedy_names_the_summary():
    finding = broker.retained(subject(BrokerTraits(retained="by topic")))
    assert "drsn/v1/_agent/line4/alarms" in finding.remedy
    assert finding.exit_code == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"agent": {"id": "line.4", "state_dir": "/tmp/x"}}, "agent.id = 'line.4'"),
        ({"inputs": [{"topic": "p/{a}/{b}/x", "sensor": "{a}.{b}"}]}, "inputs[0].sensor = '{a}.{b}'"),
        ({"inputs": [{"topic": "p.q/{a}", "sensor": "{a}"}]}, "inputs[0].topic = 'p.q/{a}'"),
        ({"inputs": [{"topic": "p/{a}", "sensor": "{a}", "channels": ["x.1"]}]}, "inputs[0].channels = 'x.1'"),
    ],
)
def test_a_dot_in_the_configuration_is_a_problem_only_where_the_broker_changes_dots(settings: dict, named: str):
    finding = broker.dots(subject(BrokerTraits(dots_kept=False), **settings))
    assert (finding.state, finding.exit_code) == ("problem", 78)
    assert named in finding.text
    assert broker.dots(subject(BrokerTraits(dots_kept=True), **settings)).state == "ok"


def test_without_a_dot_nothing_is_wrong():
    assert broker.dots(subject(BrokerTraits(dots_kept=False))).state == "ok"
    assert broker.dots(subject(BrokerTraits())).state == "unneeded"


def test_a_login_with_3_1_1_is_a_limit_and_no_problem():
    finding = broker.login(subject(BrokerTraits(), protocol="3.1.1"))
    assert (finding.state, finding.exit_code) == ("limited", 0)
    assert "does not accept MQTT 5" in finding.text


def test_a_closed_connection_is_not_blamed_on_the_password():
    finding = broker.login(
        subject(BrokerTraits(), error=f"{CLOSED}, with MQTT 5 and with 3.1.1; is this a port with TLS")
    )
    assert "password" not in finding.remedy
    assert "is the port without TLS" in finding.remedy
