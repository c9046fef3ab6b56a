"""Text as MQTT has it: of at most 65,535 bytes, and of characters for which no broker may end the connection."""

from __future__ import annotations

import re

MAX_BYTES = 65_535
"""A length has two bytes."""

_NONE_OF_UNICODE = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_REFUSED = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONE_OF_UNICODE}]")
"""MQTT 5, 1.5.4: NUL and surrogates must not be in a text; for control characters and what is no character of Unicode
a broker may end the connection, and mosquitto does."""


def flaw(text: str) -> str | None:
    """Why no broker need take a text, in words that go behind its name; None: it must."""
    found = _REFUSED.search(text)
    if found is not None:
        return f"holds U+{ord(found[0]):04X}, for which a broker may end the connection (MQTT 5, 1.5.4)"
    size = len(text.encode())
    return None if size <= MAX_BYTES else f"{size} bytes, more than the {MAX_BYTES} that MQTT allows"
