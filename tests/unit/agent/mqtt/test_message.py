from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.mqtt.message import ack_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message


def test_messages_are_acknowledged_in_order_with_one_call_for_each_connection_in_a_row(make_message):
    make: Callable[..., Message] = make_message
    acks: list[tuple[str, list[int]]] = []
    connections = {name: lambda ids, name=name: acks.append((name, list(ids))) for name in "ab"}
    sent = [("a", 3), ("a", 1), (None, 0), ("a", 2), ("b", 1), ("a", 4)]
    ack_all([replace(make(), packet_id=n, acknowledge=connections.get(name)) for name, n in sent])
    assert acks == [("a", [3, 1, 2]), ("b", [1]), ("a", [4])]
    ack_all([])
    replace(make(), packet_id=9, acknowledge=connections["b"]).ack()
    make().ack()  # QoS 0, or a connection that takes none
    assert acks[3:] == [("b", [9])]
