"""Codecs: each decodes the payload of one MQTT message into a frozen `Packet`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from drsn.agent.acquisition.codec_names import CODECS
from drsn.agent.acquisition.codecs.packet import Packet, PacketError, PayloadFormat, Reason
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CODECS", "Codec", "Packet", "PacketError", "PayloadFormat", "Reason", "codec"]


class Codec(Protocol):
    """The functions of each codec's module."""

    def decode(self, payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat, /) -> Packet:
        """The packet; raises `PacketError` and nothing else. `properties` are the message's user properties."""
        ...

    def encode(self, packet: Packet, /) -> bytes:
        """The payload that an input without further configuration decodes to this packet."""
        ...


@cache
def codec(name: str) -> Codec:
    """A codec, imported at its first use: two of them need a library that most inputs do not.

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
        import drsn.agent.acquisition.codecs.cbor as cbor_codec  # noqa: PLC0415 (optional)

        return cbor_codec
    if name == "msgpack":
        import drsn.agent.acquisition.codecs.msgpack as msgpack_codec  # noqa: PLC0415 (optional)

        return msgpack_codec
    return {"raw": raw, "frame": frame, "json": json_document}[name]
