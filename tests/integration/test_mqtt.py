"""What only real brokers can show: properties, the fall back to 3.1.1 (amqtt), reasons. The rest: tests/contract."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from drsn.agent.demo.broker import embedded_broker
from drsn.agent.mqtt import Broker, Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drsn.agent.message import Message


@contextmanager
def connected(port: int, wait_until: Callable, **options: object) -> Iterator[Connection]:
    broker = Broker("127.0.0.1", port, protocol=options.pop("protocol", "auto"), keepalive_s=5)
    connection = Connection(broker, **{"name": "test", "client_id": "test", **options})
    connection.start()
    try:
        wait_until(lambda: connection.connected, 30, "a connection")
        yield connection
    finally:
        connection.stop()


def confirmed(connection: Connection, mid: int) -> str | None:
    """Wait for the broker's word on a publish; its reason, None when it took it."""
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        for confirmation in list(connection.confirmations):
            if confirmation.mid == mid:
                return confirmation.refused
        time.sleep(0.01)
    pytest.fail("no confirmation")


def test_mosquitto_speaks_mqtt_5_with_user_properties(mosquitto, wait_until):
    heard: list[Message] = []
    with connected(mosquitto.port, wait_until, filters=("a/+",), on_message=heard.append) as connection:
        assert connection.protocol == "5"
        time.sleep(0.2)  # the SUBACK
        mid = connection.publish("a/b", b"x", qos=1, properties={"seq": "7"})
        assert confirmed(connection, mid) is None
        message = wait_until(lambda: heard and heard[0], what="the message")
        assert (message.topic, message.payload, message.qos, dict(message.properties)) == ("a/b", b"x", 1, {"seq": "7"})


def test_a_broker_without_mqtt_5_gets_3_1_1_and_a_warning(wait_until, caplog):
    with embedded_broker() as port, connected(port, wait_until) as connection:
        assert connection.protocol == "3.1.1"
        assert confirmed(connection, connection.publish("a/b", b"x", qos=1, properties={"seq": "7"})) is None
    assert "using 3.1.1" in caplog.text


def test_a_denied_publish_is_reported_with_the_reason(tmp_path, mosquitto, wait_until):
    mosquitto.stop()
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite open/#\n")
    acl.chmod(0o644)
    mosquitto.extra = f"allow_anonymous true\nacl_file {acl}\nuser root\n"
    mosquitto.start()
    with connected(mosquitto.port, wait_until) as connection:
        assert confirmed(connection, connection.publish("open/x", b"", qos=1)) is None
        assert "authorized" in confirmed(connection, connection.publish("closed/x", b"", qos=1))


def test_a_name_that_does_not_resolve_leaves_a_reason_and_no_exception(wait_until):
    connection = Connection(Broker("no-such-host.invalid", 1), name="test", client_id="test")
    connection.start()
    assert wait_until(lambda: connection.last_error, what="a reason")
    connection.stop()
