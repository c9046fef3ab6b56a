"""Packets: bytes of one MQTT message in, a frozen `Packet` out; one small codec per form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.packets import document, frame, raw
from drsn.agent.packets.packet import Format, Packet, PacketError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["CODECS", "Format", "Packet", "PacketError", "Reason"]

CODECS: dict[str, Callable[[bytes, Mapping[str, str], Format], Packet]] = {
    "raw": raw.decode,
    "frame": frame.decode,
    "json": document.decode,
}
"""Codec name -> decode(payload, user properties, format). Each raises `PacketError` and nothing else."""
