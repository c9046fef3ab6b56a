"""Packets: bytes of one MQTT message in, a frozen `Packet` out; one small codec per form."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, Protocol, cast

from drsn.agent.acquisition.codecs.packet import Format, Packet, PacketError, Reason
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CODECS", "Codec", "Format", "Packet", "PacketError", "Reason", "codec"]

CODECS: Final = ("raw", "frame", "json", "cbor", "msgpack")
"""Their names."""


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
        return cast("Codec", _imported(name))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"codec {name!r} needs the package {error.name}, which is not installed; pip install 'drsn-edge[codecs]'"
        ) from None


def _imported(name: str) -> object:
    # Imported here, because each codec imports this package's `packet`.
    from drsn.agent.acquisition.codecs import frame, json_document, raw  # noqa: PLC0415

    if name == "cbor":
        import drsn.agent.acquisition.codecs.cbor as of_cbor  # noqa: PLC0415 (optional)

        return of_cbor
    if name == "msgpack":
        import drsn.agent.acquisition.codecs.msgpack as of_msgpack  # noqa: PLC0415 (optional)

        return of_msgpack
    return {"raw": raw, "frame": frame, "json": json_document}[name]
