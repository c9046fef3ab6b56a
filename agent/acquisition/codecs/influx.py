"""Codec `influx`: InfluxDB's line protocol, as Telegraf publishes it: a line for each moment of one series.

The document has each tag and each field under its name (`fields.samples = "x"`), and the first time as `t0`. Our own
reader: the packages that read line protocol are C extensions without limits, and this is data from outside.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.acquisition.codecs.fields import packet_of
from drsn.agent.acquisition.codecs.moment import NS_PER
from drsn.agent.acquisition.codecs.packet import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.codecs.series import document_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINE: Final = re.compile(r'((?:\\.|[^\s\\])+) ((?:\\.|"(?:\\.|[^"\\])*"|[^\s"\\])+)(?: (-?\d{1,20}))?[ \r]*', re.ASCII)
"""Series, fields, time. An ASCII blank ends each of them unless it is escaped or, in a field, quoted."""
_FIELD: Final = re.compile(r'((?:\\.|[^,=\\])+)=("(?:\\.|[^"\\])*"|[^,"]+)(?:,|$)')
_TAG: Final = re.compile(r",((?:\\.|[^,=\\])+)=((?:\\.|[^,=\\])+)")
_ESCAPED: Final = re.compile(r"\\(.)")
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[iu]?")
_BOOLEANS: Final = frozenset({"t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"})


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:  # noqa: ARG001 (all is in it)
    """Decode one message.

    Raises:
        PacketError: a line is no line protocol, the lines are of several series, or the samples are invalid.
    """
    return packet_of(document_of_lines(payload, payload_format), payload_format)


def document_of_lines(payload: bytes, form: PayloadFormat) -> dict[str, Any]:
    """The document of a payload: tags and fields by name, `t0`, and `sample_rate_hz` where the times give one.

    Raises:
        PacketError: as `decode`, but for the samples.
    """
    try:
        text = payload.decode("utf-8-sig").rstrip("\0")
    except UnicodeDecodeError as error:
        raise PacketError(Reason.BAD_DOCUMENT, f"not line protocol: {error}"[:120]) from None
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    if not lines:
        raise PacketError(Reason.EMPTY, "no lines")
    series, times = "", []
    columns: dict[str, list[float | str]] = {}
    for at, line in enumerate(lines):
        found = _LINE.fullmatch(line)
        if found is None:
            raise PacketError(Reason.BAD_DOCUMENT, f"line {at + 1} is not line protocol: {_shown(line)}")
        series = series or found[1]
        if found[1] != series:
            raise PacketError(
                Reason.BAD_DOCUMENT,
                f"two series in one message, {_shown(series)} and {_shown(found[1])}: publish each to its own topic",
            )
        times.append(None if found[3] is None else int(found[3]) * NS_PER[form.t0_unit])
        for name, value in _fields(found[2], at):
            columns.setdefault(name, []).append(value)
    document: dict[str, Any] = {name: _plain(value) for name, value in _TAG.findall(series)}
    document |= document_of(columns, times)
    if times[0] is not None:
        document.setdefault("t0", times[0] // NS_PER[form.t0_unit])
    return document


def _fields(text: str, at: int) -> list[tuple[str, float | str]]:
    found = _FIELD.findall(text)
    if not found or sum(len(name) + len(value) + 2 for name, value in found) != len(text) + 1:
        raise PacketError(Reason.BAD_DOCUMENT, f"line {at + 1} has no fields such as x=0.1: {_shown(text)}")
    return [(_plain(name), _value(value, at)) for name, value in found]


def _value(text: str, at: int) -> float | str:
    if text[0] == '"':
        return _plain(text[1:-1])
    if _NUMBER.fullmatch(text) is not None:
        return float(text.rstrip("iu"))
    if text in _BOOLEANS:
        return text
    raise PacketError(Reason.BAD_DOCUMENT, f"line {at + 1}: {_shown(text)} is neither a number nor a quoted text")


def _shown(text: str) -> str:
    """The start of a text for a message; cut after the escapes, of which a control character has four letters."""
    return repr(text[:60])[:62]


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
