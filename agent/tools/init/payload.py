"""One message as it was seen: which kind of payload it has, what its library parses it to, and its signature."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.acquisition.codecs import PacketError, PayloadFormat, frame, influx, json_document, senml
from drsn.agent.acquisition.codecs.sample_text import decoded, is_hex
from drsn.agent.acquisition.compression import COMPRESSED, decompressed
from drsn.agent.tools.init.document_search import MIN_TEXT_CHARS, Found, searched
from drsn.agent.tools.init.packet_fields import unix_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message

MAX_BYTES: Final = 1 << 22
FIRST_BYTES: Final = 12
"""Bytes of a payload that a person is shown."""

SPARKPLUG: Final = "spBv1.0/"
_TEXT: Final = re.compile(rb"[\x09\x0a\x0d\x20-\x7e]+")
_RECORD: Final = frozenset({"v", "vs", "vd", "n", "bn"})


@dataclass(frozen=True)
class Payload:
    """A message, and what was found in it."""

    message: Message
    content: bytes
    """Without compression."""
    kind: str
    """A codec, `text` (numbers, hex digits, base64), or `value`: a number or a text alone."""
    found: Found
    """Of a document: its series and single values."""
    problem: str = ""
    """Why a text is no document."""

    @property
    def signature(self) -> tuple[str, ...]:
        """Payloads of the same source have the same one."""
        if self.kind in ("raw", "frame", "sparkplug"):
            return (self.kind, str(len(self.content)) if self.kind == "raw" else "")
        return (self.kind, *sorted(self.found.series))

    @property
    def shown(self) -> str:
        """What a person is shown: the keys of a document, or the first bytes."""
        size = f"{len(self.message.payload)} bytes"
        if self.found.series or self.found.scalars:
            keys = [*(f"{path or '(top)'} ({each.kind} of {'x'.join(map(str, each.shape))})"
                      for path, each in self.found.series.items()), *self.found.scalars]  # fmt: skip
            return f"{self.kind}, {size}: {', '.join(keys[:8])}{', …' if len(keys) > 8 else ''}"
        first = self.content[:FIRST_BYTES]
        return f"{self.kind}, {size}, beginning with {first.hex(' ')} {first.decode('ascii', 'replace')!a}"


def payload_of(message: Message) -> Payload:
    """Look at a message; it never fails, because any bytes are some payload."""
    content = message.payload
    if content[:2] in COMPRESSED:
        with suppress(PacketError):
            content = decompressed(content, MAX_BYTES)
    if message.topic.startswith(SPARKPLUG):
        return Payload(message, content, "sparkplug", Found())
    if content.startswith(frame.MAGIC):
        return Payload(message, content, "frame", Found())
    return _parsed(message, content)


def _parsed(message: Message, content: bytes) -> Payload:
    """A document of the first format that takes the content; else text or bytes."""
    problems: dict[str, str] = {}
    for kind, parse in _PARSERS.items():
        try:
            document = parse(content)
        except (PacketError, ModuleNotFoundError, ValueError, RecursionError) as error:
            problems[kind] = error.detail if isinstance(error, PacketError) else str(error)
            continue
        if isinstance(document, (dict, list)):
            return Payload(message, content, _dialect(kind, document), searched(document))
        if kind == "json" and len(content) < MIN_TEXT_CHARS:
            return Payload(message, content, "value", Found())
    if _is_text(content):
        return Payload(message, content, "text", Found())
    if _TEXT.fullmatch(content.rstrip(b"\0")) is None:
        return Payload(message, content, "raw", Found())
    return Payload(message, content, "other", Found(), problems["json" if content.lstrip()[:1] in b"{[" else "influx"])


def _dialect(kind: str, document: Any) -> str:  # noqa: ANN401 (any document)
    """JSON and CBOR of a standard of its own."""
    if kind == "json" and isinstance(document, dict) and isinstance(document.get("Messages"), list):
        messages = document["Messages"]
        if document.get("MessageType") == "ua-data" or all(isinstance(m, dict) and "Payload" in m for m in messages):
            return "opcua"
    return kind


def _senml(content: bytes) -> Any:  # noqa: ANN401 (any document)
    pack = senml.pack_of(content)
    records = pack if isinstance(pack, list) else []
    if not records or not all(isinstance(record, dict) and _RECORD & set(record) for record in records):
        raise ValueError("not SenML")
    return senml.document_of_pack(pack)


def _influx(content: bytes) -> Any:  # noqa: ANN401 (as above)
    document = influx.document_of_lines(content, PayloadFormat(t0_unit="ns"))
    t0 = document.get("t0")
    if isinstance(t0, int) and (unit := unix_unit(t0)) not in (None, "ns"):
        return influx.document_of_lines(content, PayloadFormat(t0_unit=unit))
    return document


def _cbor(content: bytes) -> Any:  # noqa: ANN401 (as above)
    from drsn.agent.acquisition.codecs import cbor  # noqa: PLC0415 (its library is optional)

    return _map_of(cbor.parsed(content))


def _msgpack(content: bytes) -> Any:  # noqa: ANN401 (as above)
    from drsn.agent.acquisition.codecs import msgpack  # noqa: PLC0415 (its library is optional)

    return _map_of(msgpack.parsed(content))


def _map_of(document: Any) -> Any:  # noqa: ANN401 (as above)
    """A map that is not empty; anything else is other bytes that happen to be CBOR or MessagePack."""
    if not isinstance(document, dict) or not document:
        raise ValueError("no map")
    return document


_PARSERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "senml": _senml,
    "json": json_document.parsed,
    "influx": _influx,
    "cbor": _cbor,
    "msgpack": _msgpack,
}
"""Kind -> parser; the first that takes a payload decides."""


def _is_text(content: bytes) -> bool:
    """Whether bytes are numbers, hex digits or base64 as text."""
    text = content.rstrip(b"\0")
    if len(text) < MIN_TEXT_CHARS or _TEXT.fullmatch(text) is None:
        return False
    try:
        return is_hex(text.decode()) or bool(decoded(text.decode(), "auto"))
    except PacketError:
        return False
