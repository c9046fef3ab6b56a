"""Packets: bytes of one MQTT message in, a frozen `Packet` out; one small codec per form."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from drsn.agent.packets.packet import Format, Packet, PacketError, Reason
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CODECS", "Codec", "Format", "Packet", "PacketError", "Reason", "codec"]

CODECS: Final = {"raw": "raw", "frame": "frame", "json": "document", "cbor": "cbor", "msgpack": "msgpack"}
"""Codec name -> its module here."""


class Codec(Protocol):
    """What each of those modules has."""

    def decode(self, payload: bytes, properties: Mapping[str, str], form: Format, /) -> Packet:
        """The packet; raises `PacketError` and nothing else. `properties` are the message's user properties."""
        ...

    def encode(self, packet: Packet, /) -> bytes:
        """The payload that an input with nothing but its codec configured decodes to this packet."""
        ...


@cache
def codec(name: str) -> Codec:
    """A codec, imported when it is first asked for: two of them need a library that most inputs do without.

    Raises:
        ConfigurationError: the library is not installed.
    """
    try:
        return cast("Codec", import_module(f"{__name__}.{CODECS[name]}"))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"codec {name!r} needs the package {error.name}, which is not installed; pip install 'drsn-edge[codecs]'"
        ) from None
