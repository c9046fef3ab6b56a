"""Sensor ids: one topic level of at most 64 plain characters, and the escape that makes any topic level one.

Letters, digits, `.`, `_` and `-` stand for themselves. Every other character is written as `~xx`, two hex digits for
each byte of its UTF-8, as `%xx` in a URL: `AA:BB` is `AA~3aBB`. A `~` stands for itself, unless two hex digits follow.
An id must not begin with `.`, `_` or `-` (topics of the agent do), so there these are escaped too. The rule is
reversible: `plain_text` gives the text back, so two texts never share an id.
"""

from __future__ import annotations

import re
from typing import Final

MAX_ID_CHARS: Final = 64

SENSOR_ID: Final = re.compile(r"[A-Za-z0-9~][A-Za-z0-9._~-]{0,63}")

_ODD: Final = re.compile(r"[^A-Za-z0-9._~-]|~(?=[0-9a-f]{2})")
_ODD_FIRST: Final = frozenset("._-")
_ESCAPES: Final = re.compile(r"(?:~[0-9a-f]{2})+")


def legal_sensor(sensor: str) -> bool:
    """Whether a sensor id is one plain topic level of at most 64 characters."""
    return SENSOR_ID.fullmatch(sensor) is not None


def escaped(text: str) -> str:
    """Return a text with its odd characters escaped, as a part of an id."""
    return _ODD.sub(lambda odd: "".join(f"~{byte:02x}" for byte in odd[0].encode("utf-8", "surrogatepass")), text)


def sensor_id(text: str) -> str:
    """Return the id that begins with this text, whose odd characters are escaped already; "" for ""."""
    return f"~{ord(text[0]):02x}{text[1:]}" if text[:1] in _ODD_FIRST and text else text


def plain_text(sensor: str) -> str:
    """Return the text whose id this is, for people to read; what no escape made stays as it is."""
    return _ESCAPES.sub(_unescaped, sensor)


def _unescaped(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("~", "")).decode("utf-8", "replace")
