"""Codecs: each decodes the payload of one MQTT message into a frozen `Packet`."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from drsn.agent.acquisition.codec_names import CODECS, READ_ONLY_CODECS
from drsn.agent.acquisition.codecs.packet import Packet, PacketError, PayloadFormat, Reason
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "CODECS",
    "READ_ONLY_CODECS",
    "Codec",
    "Decoder",
    "Packet",
    "PacketError",
    "PayloadFormat",
    "Reason",
    "codec",
    "decoder",
    "library",
]


class Decoder(Protocol):
    """The function of each module of a codec that needs nothing but one message."""

    def decode(self, payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat, /) -> Packet:
        """The packet; raises `PacketError` and nothing else. `properties` are the message's user properties."""
        ...


class Codec(Decoder, Protocol):
    """The functions of each module of a codec that this project can also write."""

    def encode(self, packet: Packet, /) -> bytes:
        """The payload that an input without further configuration decodes to this packet."""
        ...


@cache
def codec(name: str) -> Codec:
    """One of `CODECS`, imported at its first use: two of them need a library that most inputs do not.

    Raises:
        ConfigurationError: the library is not installed, or the codec only reads.
    """
    if name not in CODECS:
        raise ConfigurationError(f"codec {name!r} can only be read; codecs to send with are {', '.join(CODECS)}")
    return cast("Codec", decoder(name))


@cache
def decoder(name: str) -> Decoder:
    """A codec that decodes each message for itself, imported at its first use.

    Raises:
        ConfigurationError: the library is not installed.
    """
    with library(name):
        return cast("Decoder", import_module(f"{__name__}.{_MODULES.get(name, name)}"))


@contextmanager
def library(name: str) -> Iterator[None]:
    """Turn a missing library of a codec into an error that names the extra to install.

    Raises:
        ConfigurationError: the library is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        extra = "sparkplug" if name == "sparkplug" else "codecs"
        raise ConfigurationError(
            f"codec {name!r} needs the package {error.name}, which is not installed; pip install 'drsn-edge[{extra}]'"
        ) from None


_MODULES: Final = {"json": "json_document"}
"""Codec -> its module, where that has another name."""
