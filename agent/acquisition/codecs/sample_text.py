"""Samples as text: base64 in its usual forms, hex digits where the input states it, or numbers with separators."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from drsn.agent.acquisition.codecs.packet import PacketError, Reason

ENCODINGS: Final = ("auto", "base64", "hex", "text")
"""`auto`: base64 or numbers with separators; hex digits are refused, because each is a base64 digit as well."""

MIN_HEX_CHARS: Final = 16
"""A shorter text of hex digits may be base64 by chance: of random base64, one text of 16 digits in 2e9 is lower-case or
upper-case hex."""

MIN_HEX_DIGITS: Final = 3
"""Different digits that a text of hex has; zeros in base64 are the letter A alone."""

MAX_NUMBER_CHARS: Final = 40
"""Characters of one number, at most. Python's longest repr of a float has 24."""

_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_SEPARATORS: Final = re.compile(r"[\s,;|]+")
_HEX_NOISE: Final = re.compile(r"(?:0x|[\s:,-])+", re.IGNORECASE)
_NUMBER_BEGINS: Final = re.compile(r"\s*[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?(?:[\s,;|]|$)")


def decoded(text: str, encoding: str) -> bytes | list[float]:
    """Bytes, or the numbers of a text of numbers.

    Args:
        text: the value of `samples`.
        encoding: one of `ENCODINGS`, as the input states it.

    Raises:
        PacketError: the text is not in this encoding, or the encoding is not certain.
    """
    if encoding == "hex":
        return _from_hex(text)
    if encoding == "text" or (encoding == "auto" and _NUMBER_BEGINS.match(text) and _SEPARATORS.search(text.strip())):
        return _from_numbers(text)
    if encoding == "auto" and is_hex(text):
        raise PacketError(
            Reason.WRONG_ENCODING,
            "samples are only hex digits, which can also be base64; set encoding = 'hex' or 'base64'",
        )
    return _from_base64(text)


def is_hex(text: str) -> bool:
    """Whether a text is hex rather than base64."""
    plain = "".join(text.split())
    long = len(plain) >= MIN_HEX_CHARS and len(plain) % 2 == 0
    return long and _HEX.fullmatch(plain) is not None and len(set(plain)) >= MIN_HEX_DIGITS


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(_HEX_NOISE.sub("", text))
    except ValueError:
        raise PacketError(Reason.BAD_DOCUMENT, "samples are not pairs of hex digits") from None


def _from_numbers(text: str) -> list[float]:
    """Numbers between blanks, commas or line ends; with semicolons between them, a comma is the decimal one."""
    if ";" in text and "." not in text:
        text = text.replace(",", ".")
    return [number(word) for word in _SEPARATORS.split(text.strip(" \t\r\n,;|[]()")) if word]


def number(word: str) -> float:
    """A number that came as text.

    Raises:
        PacketError: it is none.
    """
    try:
        return float(word[:MAX_NUMBER_CHARS].replace("_", "x"))  # Python reads 1_000, which no other language writes
    except ValueError:
        comma = "; write it with a decimal point" if re.fullmatch(r"[-+]?\d+,\d+", word) else ""
        raise PacketError(Reason.BAD_DOCUMENT, f"{word[:24]!r} is not a number{comma}") from None


def _from_base64(text: str) -> bytes:
    """Standard or URL-safe, in lines or in one, padded or not: none of these forms can be taken for another."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    plain = "".join(text.split()).translate(_STANDARD).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise PacketError(
            Reason.BAD_DOCUMENT,
            f"samples are not base64: {text[:16]!r}; for hex digits or numbers as text, set encoding = 'hex' or 'text'",
        ) from None


_STANDARD: Final = str.maketrans("-_", "+/")
