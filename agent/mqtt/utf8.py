"""Text that every MQTT broker must accept: at most 65,535 bytes, no character that may end the connection."""

from __future__ import annotations

import re

MAX_BYTES = 65_535
"""Longest text: MQTT stores the length in two bytes."""

_NON_CHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_REFUSED = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NON_CHARACTERS}]")
"""MQTT 5, 1.5.4: NUL and surrogates are forbidden. A broker may end the connection for control
characters and Unicode non-characters, and mosquitto does."""


def flaw(text: str) -> str | None:
    """Why a broker may refuse a text, as a phrase that follows its name; None: every broker must accept it."""
    found = _REFUSED.search(text)
    if found is not None:
        return f"contains U+{ord(found[0]):04X}, for which a broker may end the connection (MQTT 5, 1.5.4)"
    size = len(text.encode())
    return None if size <= MAX_BYTES else f"{size} bytes, more than the {MAX_BYTES} that MQTT allows"
