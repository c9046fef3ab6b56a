"""Bytes of a text file to lines: UTF-8, UTF-16 with or without a byte order mark, else Windows-1252."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

Line = tuple[int, str]
"""Number of the line in the file, from 1, and its text."""

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
LOOK = 2000
"""Bytes that decide on UTF-16 without a mark: digits then have a zero byte each."""

MINUS = str.maketrans({"\u2212": "-", "\u00a0": " "})
"""The typographic minus and the blank that does not break, which spreadsheets write."""


def read_lines(path: Path) -> tuple[list[Line], str]:
    """Read the lines that are not blank, and the name of the encoding.

    Raises:
        OSError: the file can't be read.
        BadDataError: it is binary.
    """
    raw = path.read_bytes()
    encoding = next((name for mark, name in MARKS if raw.startswith(mark)), None) or _unmarked(raw)
    if encoding is None:
        raise BadDataError(
            f"{path}: no recording: binary, not text; export it again, or give the file its right suffix"
        )
    text = raw.decode(encoding, errors="replace").translate(MINUS)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [(number, line) for number, line in enumerate(lines, start=1) if line.strip("\0 \t").strip()], encoding


def _unmarked(raw: bytes) -> str | None:
    start = raw[: LOOK // 2 * 2]
    if b"\0" in start:
        even, odd = start[::2].count(0), start[1::2].count(0)
        most = max(even, odd)
        if most < 0.8 * len(start) / 2 or min(even, odd) > 0.2 * most:
            return None
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
