"""The connections of the edge node: each CONNECT has a new bdSeq in its will (Sparkplug 3.0, 6.4.25)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.message import Will
from drsn.agent.mqtt.session import open_session
from drsn.agent.tools.sparkplug_edge.edge_node import death

if TYPE_CHECKING:
    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.session import Protocol, Session, SessionEvents
    from drsn.agent.tools.sparkplug_edge.session_number import SessionNumber
    from drsn.agent.tools.sparkplug_edge.topics import EdgeTopics


class EdgeSessions:
    """Opens the sessions of a connection.

    Args:
        number: bdSeq, which goes on after a restart.
        topics: of the edge node.
    """

    def __init__(self, number: SessionNumber, topics: EdgeTopics) -> None:
        self._number, self._topic = number, topics.of("NDEATH")
        self._bd_seqs: dict[int, int] = {}
        self._session: Session | None = None  # the last one

    def open(
        self,
        broker: BrokerAddress,
        options: ConnectionOptions,
        events: SessionEvents,
        *,
        epoch: int,
        protocol: Protocol,
    ) -> Session:
        """As `drsn.agent.mqtt.session.open_session`, with a will of its own."""
        bd_seq = self._number.advance()
        self._bd_seqs = {epoch - 1: self._bd_seqs.get(epoch - 1, bd_seq), epoch: bd_seq}
        will = Will(self._topic, death(bd_seq, time.time_ns() // 1_000_000), retain=False)
        self._session = open_session(broker, replace(options, will=will), events, epoch=epoch, protocol=protocol)
        return self._session

    def leave(self) -> None:
        """Disconnect after an NDEATH; the connection then opens a new session.

        With MQTT 5, Sparkplug requires the reason code "Disconnect with Will Message": the broker publishes the same
        NDEATH once more, which changes nothing at a host.
        """
        if self._session is not None:
            self._session.leave(with_will=self._session.protocol == "5")

    def bd_seq(self, epoch: int) -> int:
        """The bdSeq of a connection that the broker has accepted."""
        return self._bd_seqs[epoch]


def options_of(topics: EdgeTopics, host_filters: tuple[str, ...] = ()) -> ConnectionOptions:
    """The options of the connection.

    The client id comes from the ids of group and node: of two bridges with the same ids, the broker disconnects one.
    It has 23 characters, which each broker must accept.
    """
    digest = hashlib.sha256(f"{topics.group}/{topics.node}".encode()).hexdigest()[:8]
    return ConnectionOptions(
        name="sparkplug",
        client_id=f"drsn-sparkplug-{digest}",
        filters=(*host_filters, *topics.command_filters),
        persistent=False,  # Clean Session, Clean Start: required
    )
