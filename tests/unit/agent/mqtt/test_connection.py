"""What a connection takes in, seen from paho's side: what a broker does here no broker can be made to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import TAKEN_OVER, Connection

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message


class Client:
    """As paho's, with a record of what was asked of it."""

    def __init__(self) -> None:
        self.acked: list[int] = []
        self.cut = False

    def ack(self, mid: int, _qos: int) -> None:
        self.acked.append(mid)

    def disconnect(self) -> None:
        self.cut = True


@pytest.fixture
def heard() -> list[Message]:
    return []


@pytest.fixture
def connection(heard: list[Message]) -> Connection:
    options = {"name": "ingest", "client_id": "x", "receive_maximum": 2}
    made = Connection(BrokerAddress("127.0.0.1", 1), **options, on_message=heard.append)
    made._client = Client()
    return made


def bring(connection: Connection, client: Client, mid: int) -> None:
    message = SimpleNamespace(topic="a/b", payload=b"x", qos=1, retain=False, mid=mid, properties=None)
    connection._message_callback(client, None, message)


def test_four_times_receive_maximum_is_taken_in_and_no_more(connection, heard):
    client = connection._client
    for mid in range(1, 9):
        bring(connection, client, mid)
    assert (len(heard), client.cut) == (8, False)
    bring(connection, client, 9)
    assert (len(heard), client.cut, client.acked) == (8, True, []), "it comes again, so nobody has acknowledged it"


def test_what_a_line_brings_that_was_cut_comes_again_and_is_not_taken_in(connection, heard):
    """Else it would stand before those that come again, and they would be taken for repeats."""
    client = connection._client
    bring(connection, client, 1)
    connection.reconnect()
    bring(connection, client, 2)
    assert len(heard) == 1
    connection._client = Client()
    bring(connection, connection._client, 1)
    assert len(heard) == 2


def test_what_is_acknowledged_no_longer_waits(connection, heard):
    client = connection._client
    for mid in range(1, 20):
        bring(connection, client, mid)
        heard[-1].ack()
    assert (len(heard), client.cut, client.acked) == (19, False, list(range(1, 20)))


def test_the_reason_of_who_is_thrown_out_is_mqtt_5_s():
    assert ReasonCode(PacketTypes.DISCONNECT, "Session taken over").value == TAKEN_OVER


def test_an_acknowledgement_dies_with_its_connection(connection, heard):
    client = connection._client
    bring(connection, client, 1)
    connection._client = later = Client()
    heard[0].ack()
    assert (client.acked, later.acked) == ([], [])


def test_the_waits_between_attempts_are_drawn_from_ever_more_seconds_up_to_thirty(monkeypatch):
    """Full jitter: a thousand agents whose broker comes back don't come at once."""
    connection = Connection(BrokerAddress("127.0.0.1", 1), name="x", client_id="x")
    drawn: list[float] = []

    def uniform(least_s: float, most_s: float) -> float:
        drawn.append(most_s)
        if len(drawn) == 8:
            connection._stopping.set()
        return least_s

    monkeypatch.setattr("drsn.agent.mqtt.connection.random.uniform", uniform)
    monkeypatch.setattr(connection._stopping, "wait", lambda _wait_s: None)
    connection._run()
    assert drawn == [2, 4, 8, 16, 30, 30, 30, 30]


@pytest.mark.parametrize("given", [{}, {"max_payload_bytes": 100, "filters": ("a/+",)}])
def test_no_connection_hands_on_what_has_no_bounds(given: dict[str, object], heard: list[Message]):
    """One of a command in the shell, which says nothing, and one of an agent."""
    made = Connection(BrokerAddress("127.0.0.1", 1), name="x", client_id="x", on_message=heard.append, **given)
    message = SimpleNamespace(
        topic="a/" + "b" * 60_000, payload=bytes(17 << 20), qos=0, retain=False, mid=0, properties=None
    )
    made._message_callback(Client(), None, message)
    sizes = len(heard[0].topic), len(heard[0].payload)
    assert sizes == ((259, 101) if given else (60_002, (16 << 20) + 1))
