"""paho's client with a shorter way for packets of samples and their acknowledgements: a thousand of them a second.

Three of paho's methods that are no part of its public interface are overridden or called: `_create_socket`,
`_handle_publish`, `_packet_queue`. They are the same in 2.1 and 2.2. If a later paho no longer calls the first two, the
client works as paho's does; a test reports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

from drsn.agent.mqtt.buffered_socket import BufferedSocket
from drsn.agent.mqtt.publish_packet import PublishPacket, complete_publish, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PACKETS_A_TURN: Final = 64
"""Packets that are read before the client looks whether something waits to be written."""

PUBACK: Final = 0x40


class PahoClient(paho.Client):
    """A client with manual acknowledgements.

    Args:
        max_payload_bytes: a longer payload is cut to one byte more.
        options: as of paho's client.
    """

    def __init__(self, *, max_payload_bytes: int, **options: Any) -> None:  # noqa: ANN401 (paho's)
        self.on_publish_packet: Callable[[PublishPacket], None] | None = None
        """Takes most messages, in the network thread. `on_message` takes those that only paho parses."""
        self._max_payload_bytes = max_payload_bytes
        super().__init__(**options, manual_ack=True)

    def ack_all(self, packet_ids: Sequence[int]) -> None:
        """Acknowledge QoS 1 messages in this order: the network thread is woken once, and writes once."""
        acks = b"".join([b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in packet_ids])
        self._packet_queue(PUBACK, acks, packet_ids[-1], 1)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read a packet as paho does, which also notes that the broker is alive, and then those that came with it."""
        result = super().loop_read(max_packets)
        for _ in range(PACKETS_A_TURN):
            line = self.socket()
            if result or not isinstance(line, BufferedSocket) or not line.buffered:
                break
            if not self._take_publish(line):
                result = super().loop_read(max_packets)
        return result

    def _take_publish(self, line: BufferedSocket) -> bool:
        """Hand on the packet that comes next in the buffer, if it is a complete PUBLISH that `parse` can parse."""
        # While paho has a packet in part, its rest is not buffered: `BufferedSocket.recv` has returned all that came.
        found = complete_publish(line.data, line.at)
        if found is None or self.on_publish_packet is None:
            return False
        start, end = found
        packet = self._parsed(line.data[line.at], line.data[start:end])
        if packet is None:
            return False
        line.at = end
        self.on_publish_packet(packet)
        return True

    def _parsed(self, first: int, body: bytes | bytearray) -> PublishPacket | None:
        with_properties = self.protocol == MQTTProtocolVersion.MQTTv5
        return parse(first, body, self._max_payload_bytes, with_properties=with_properties)

    def _create_socket(self) -> Any:  # noqa: ANN401 (as paho's)
        return BufferedSocket(super()._create_socket())

    def _handle_publish(self) -> MQTTErrorCode:
        if self.on_publish_packet is not None:
            packet = self._parsed(self._in_packet["command"], self._in_packet["packet"])
            if packet is not None:
                self.on_publish_packet(packet)
                return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super()._handle_publish()
