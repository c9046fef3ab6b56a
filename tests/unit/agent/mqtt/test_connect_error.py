from __future__ import annotations

import socket

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connect_error import IS_IT_RUNNING, remedy_of, require_connection
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.model.errors import UnavailableError


@pytest.mark.parametrize(
    ("code", "words"),
    [(134, "the user name and the password"), (135, "the broker's ACL"), (133, "client id"), (132, "version of MQTT")],
)
def test_a_broker_that_refuses_runs(code: int, words: str):
    remedy = remedy_of(str(ReasonCode(PacketTypes.CONNACK, identifier=code)))
    assert words in remedy
    assert "running" not in remedy


def test_without_an_answer_it_may_not_run():
    assert remedy_of(None) == remedy_of("[Errno 111] Connection refused") == IS_IT_RUNNING


def test_a_closed_port_is_named_with_host_reason_and_remedy():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        connection = Connection(BrokerAddress("127.0.0.1", port), ConnectionOptions("test", "test"))
        connection.start()
        with pytest.raises(UnavailableError) as raised:
            require_connection(connection, f"127.0.0.1:{port}", 0.3)
        connection.stop()
    assert raised.value.exit_code == 69
    for part in (f"broker 127.0.0.1:{port}: ", "Connection refused", IS_IT_RUNNING):
        assert part in str(raised.value)


def test_the_wait_ends_when_it_is_told_to():
    connection = Connection(BrokerAddress("127.0.0.1", 1), ConnectionOptions("test", "test"))
    require_connection(connection, "127.0.0.1:1", 60, stopped=lambda: True)
