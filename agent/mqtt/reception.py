"""The receiving half of one MQTT connection: messages, and their acknowledgements."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.properties import bounded, message_of
from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drsn.agent.mqtt.connection_options import ConnectionOptions
    from drsn.agent.mqtt.paho_client import PahoClient
    from drsn.agent.mqtt.publish_packet import PublishPacket

NOT_RECEIVED: Final = "message could not be received"
"""Then the client disconnects. Without acknowledgement, the broker sends the message again on the next connection."""

log = logging.getLogger(__name__)


class Reception:
    """Turns what the client receives into messages, counts those without an acknowledgement, and sends these.

    Args:
        client: takes the acknowledgements.
        options: options of the connection.
        received: called by the network thread for each message; may block. None: messages are ignored.
        epoch: number that messages carry.
    """

    def __init__(
        self, client: PahoClient, options: ConnectionOptions, received: Callable[[Message], None] | None, epoch: int
    ) -> None:
        self.ended = False
        """The connection has ended: acknowledgements have no effect."""
        self._client, self._options, self._received, self._epoch = client, options, received, epoch
        self._unacked: dict[int, int] = {}  # packet id -> QoS, of messages that wait for their acknowledgement
        self._cut = False  # ignore what still arrives: the broker sends it again on the next connection

    def cut(self) -> None:
        """Disconnect, and ignore messages that still arrive: the broker sends them again on the next connection."""
        self._cut = True
        self._client.disconnect()

    def on_publish_packet(self, packet: PublishPacket) -> None:
        """Receive a message that the client has parsed."""
        topic, payload, qos, retained, packet_id, pairs = packet
        try:
            if self._admits(packet_id, qos):
                message = Message(
                    topic[: self._options.limits.topic_chars + 1],
                    payload,
                    qos,
                    retained,
                    time.monotonic(),
                    time.time_ns(),
                    bounded(pairs) if pairs else {},
                    epoch=self._epoch,
                    packet_id=packet_id,
                    acknowledge=self._acknowledge if qos else None,
                )
                self._received(message)  # type: ignore[misc]  # `_admits` is false without it
        except Exception:
            log.exception(NOT_RECEIVED, extra=fields(connection=self._options.name))
            self._client.disconnect()

    def on_message(self, _client: object, _data: object, received: Any) -> None:  # noqa: ANN401 (paho types it loosely)
        """Receive a message that paho has parsed."""
        try:
            if self._admits(received.mid, received.qos):
                acknowledge = self._acknowledge if received.qos else None
                message = message_of(received, self._options.limits, acknowledge, self._epoch)
                self._received(message)  # type: ignore[misc]  # `_admits` is false without it
        except Exception:
            log.exception(NOT_RECEIVED, extra=fields(connection=self._options.name))
            self._client.disconnect()

    def _admits(self, packet_id: int, qos: int) -> bool:
        """Whether a message is handed on; if there are too many without an acknowledgement, the connection is cut."""
        if self._received is None or self._cut:
            return False
        if not qos:
            return True
        self._unacked[packet_id] = qos
        # A session that ends with its connection is not cut: its messages would be lost.
        if len(self._unacked) <= self._options.max_unacked or not self._options.keeps_session:
            return True
        log.warning(
            "connection closed: the broker sent more unacknowledged messages than Receive Maximum allows",
            extra=fields(connection=self._options.name, unacknowledged=len(self._unacked)),
        )
        self.cut()
        return False

    def _acknowledge(self, packet_ids: Sequence[int]) -> None:
        if self.ended:
            return
        at_least_once = [each for each in packet_ids if self._unacked.pop(each, 1) == 1]
        if len(at_least_once) < len(packet_ids):
            # QoS 2, from a broker that exceeds the QoS of the subscription.
            for each in packet_ids:
                self._client.ack(each, 1 if each in at_least_once else 2)
        elif at_least_once:
            self._client.ack_all(at_least_once)
