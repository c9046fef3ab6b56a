"""The connection against real brokers: mosquitto (MQTT 5) and the demo's amqtt (3.1.1 alone)."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from drsn.agent.demo.broker import embedded_broker
from drsn.agent.mqtt import Broker, Connection, Will

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


def test_what_is_not_acknowledged_comes_again_on_the_next_connection(mosquitto, wait_until):
    heard: list[Message] = []
    options = {"filters": ("a/+",), "receive_maximum": 20, "on_message": heard.append, "client_id": "keeper"}
    with connected(mosquitto.port, wait_until, **options):
        time.sleep(0.2)
        for text in (b"1", b"2", b"3"):
            mosquitto.publish("a/b", text)
        wait_until(lambda: len(heard) == 3, what="three messages")
        heard[0].ack()
        time.sleep(0.2)
    first = heard.copy()
    heard.clear()
    with connected(mosquitto.port, wait_until, **options):
        wait_until(lambda: len(heard) == 2, what="the two that were not acknowledged")
        assert [message.payload for message in heard] == [b"2", b"3"]
        first[1].ack()  # of the connection that is gone: must not count for this one
        time.sleep(0.2)
    heard.clear()
    with connected(mosquitto.port, wait_until, **options):
        assert wait_until(lambda: len(heard) == 2, what="they come a third time")


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


def test_the_connection_comes_back_after_the_broker_did_and_counts_a_new_epoch(mosquitto, wait_until):
    changes = []
    with connected(mosquitto.port, wait_until, on_change=lambda: changes.append(1)) as connection:
        assert connection.epoch == 1
        mosquitto.stop()
        wait_until(lambda: not connection.connected, what="the loss")
        assert connection.publish("a", b"", qos=1) is None
        mosquitto.start()
        wait_until(lambda: connection.epoch == 2, 60, "the second connection")
        assert confirmed(connection, connection.publish("a/b", b"x", qos=1)) is None
        assert changes


def test_the_will_is_published_when_the_connection_dies_and_not_when_it_ends(mosquitto, wait_until):
    will = Will("status/x", b'{"state": "offline"}')
    with connected(mosquitto.port, wait_until, will=will):
        pass
    assert mosquitto.one("status/x", 1) == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_broker_that_is_not_there_leaves_a_reason_and_no_exception(host, wait_until):
    connection = Connection(Broker(host, 1), name="test", client_id="test")
    connection.start()
    assert wait_until(lambda: connection.last_error, what="a reason")
    connection.stop()
