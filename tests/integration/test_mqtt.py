"""What only real brokers can show: properties, the fall back to 3.1.1 (amqtt), reasons. The rest: tests/contract."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.message import Will
from drsn.agent.tools.demo.broker import embedded_broker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drsn.agent.mqtt.message import Message


@contextmanager
def connected(port: int, wait_until: Callable, **options: object) -> Iterator[Connection]:
    broker = BrokerAddress("127.0.0.1", port, protocol=options.pop("protocol", "auto"), keepalive_s=5)
    on_message = options.pop("on_message", None)
    connection = Connection(broker, ConnectionOptions("test", "test", **options), on_message=on_message)
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


def test_a_byte_order_mark_in_a_strangers_property_cuts_nobody_off(mosquitto, wait_until):
    """MQTT 5 allows it (1.5.4), paho's own reader does not."""
    heard: list[Message] = []
    with connected(
        mosquitto.port, wait_until, filters=("a/+",), receive_maximum=20, on_message=heard.append
    ) as connection:
        time.sleep(0.2)
        mosquitto.publish("a/b", b"1", "-V", "5", "-D", "publish", "user-property", "k", "\ufeffv")
        mosquitto.publish("a/b", b"2")
        wait_until(lambda: len(heard) == 2, what="both messages")
        assert (heard[0].properties["k"], connection.epoch) == ("\ufeffv", 1)


def test_a_message_that_can_not_be_taken_in_comes_again_and_the_connection_lives(mosquitto, wait_until):
    heard: list[bytes] = []

    def stumble(message: Message) -> None:
        heard.append(message.payload)
        if len(heard) == 1:
            raise MemoryError
        message.ack()

    options = {"filters": ("a/+",), "receive_maximum": 20, "on_message": stumble}
    with connected(mosquitto.port, wait_until, **options) as connection:
        time.sleep(0.2)
        mosquitto.publish("a/b", b"1")
        wait_until(lambda: heard == [b"1", b"1"], 30, what="the second try")
        assert connection.epoch == 2


def test_a_broker_without_mqtt_5_gets_3_1_1_and_a_warning(wait_until, caplog):
    with embedded_broker() as port, connected(port, wait_until) as connection:
        assert connection.protocol == "3.1.1"
        assert confirmed(connection, connection.publish("a/b", b"x", qos=1, properties={"seq": "7"})) is None
    assert "does not accept MQTT 5: the agent uses MQTT 3.1.1" in caplog.text


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
    connection = Connection(BrokerAddress("no-such-host.invalid", 1), ConnectionOptions("test", "test"))
    connection.start()
    assert wait_until(lambda: connection.last_error, what="a reason")
    connection.stop()


def test_a_packet_that_is_far_too_large_stays_with_the_broker_and_holds_nothing_up(mosquitto, wait_until):
    """Without a Maximum Packet Size paho would assemble up to 256 MB of it; one that is only too large is cut."""
    heard: list[tuple[int, bytes]] = []

    def hear(message: Message) -> None:
        heard.append((len(message.payload), message.payload[:1]))
        message.ack()

    options = {"filters": ("a/+",), "receive_maximum": 20, "max_payload_bytes": 1000, "on_message": hear}
    with connected(mosquitto.port, wait_until, **options) as connection:
        time.sleep(0.2)
        for sign, size in ((b"1", 10), (b"2", 5_000_000), (b"3", 17_000_000), (b"4", 10)):
            mosquitto.publish("a/b", sign * size)
        wait_until(lambda: len(heard) == 3, 30, "three of four messages")
        assert (heard, connection.epoch) == ([(10, b"1"), (1001, b"2"), (10, b"4")], 1)


def test_a_connection_that_is_cut_again_and_again_leaves_no_descriptor_open(mosquitto, wait_until):
    """Not even until the garbage collector runs: a flapping line would use up what the service may open."""
    gc.disable()
    try:
        with connected(mosquitto.port, wait_until, filters=("a",)) as connection:
            before = len(list(Path("/proc/self/fd").iterdir()))
            for _ in range(4):
                epoch = connection.epoch
                connection.reconnect()
                wait_until(lambda epoch=epoch: connection.connected and connection.epoch > epoch, 30, "the next one")
            assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    finally:
        gc.enable()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_websocket_carries_messages_and_the_will(mosquitto, wait_until, protocol: str):
    address = BrokerAddress("127.0.0.1", mosquitto.add_websocket(), protocol=protocol, websocket_path="/mqtt")
    heard: list[Message] = []
    options = ConnectionOptions("test", "test", filters=("a/+",), receive_maximum=20)
    connection = Connection(address, options, on_message=heard.append)
    mortal = Connection(address, ConnectionOptions("mortal", "mortal", will=Will("a/will", b"gone")))
    connection.start()
    mortal.start()
    wait_until(lambda: connection.connected and mortal.connected, 30, "both connections")
    time.sleep(0.2)  # the SUBACK
    payload = bytes(range(256)) * 10
    assert confirmed(mortal, mortal.publish("a/b", payload, qos=1)) is None
    wait_until(lambda: heard, what="the message")
    assert (heard[0].topic, heard[0].payload) == ("a/b", payload)
    mortal.stop(with_will=True)
    wait_until(lambda: [each.payload for each in heard] == [payload, b"gone"], what="the will")
    connection.stop()


def test_a_websocket_with_tls_shows_the_certificate(mosquitto, certificates, wait_until):
    files = f"cafile {certificates}/ca.pem\ncertfile {certificates}/server.pem\nkeyfile {certificates}/server.key\n"
    mosquitto.extra = "user root\n"
    port = mosquitto.add_websocket(files)
    address = BrokerAddress("127.0.0.1", port, tls=True, ca_file=f"{certificates}/ca.pem", websocket_path="/mqtt")
    connection = Connection(address, ConnectionOptions("test", "test"))
    connection.start()
    wait_until(lambda: connection.connected, 30, "a connection")
    assert connection.certificate is not None
    connection.stop()
