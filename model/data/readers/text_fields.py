"""The fields of a line of text, and which of them are numbers, times or empty."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drsn.model.data.readers.text_decoding import Line

EXPONENT = r"(?:[eEdD][+-]?\d+)?"  # D: Fortran's double precision
NUMBER = {
    ".": re.compile(rf"[+-]?(?:\d+\.?\d*|\.\d+){EXPONENT}", re.ASCII),
    ",": re.compile(rf"[+-]?(?:\d+(?:,\d+)?|,\d+){EXPONENT}", re.ASCII),
}
NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
DATE_TIME = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})(?:[T ](?P<clock>\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?)(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
"""A date of ISO 8601, with or without a time of day."""

CLOCK = re.compile(r"(?P<clock>\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?)", re.ASCII)

SAMPLED = 2000
"""Lines that decide, evenly spread over the file."""


class Layout(NamedTuple):
    """How a line of numbers is written: the delimiter (None: blanks) and the decimal mark."""

    delimiter: str | None
    decimal: str

    def __str__(self) -> str:
        """Both in words."""
        delimiters = {None: "blanks", ";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars"}
        mark = "comma" if self.decimal == "," else "point"
        return f"columns between {delimiters.get(self.delimiter, repr(self.delimiter))}, decimal {mark}"


def split(line: str, delimiter: str | None) -> list[str]:
    """The fields of a line, without blanks and quotes around them."""
    if '"' in line and delimiter is not None:
        return [field.strip() for field in next(csv.reader([line.strip()], delimiter=delimiter, skipinitialspace=True))]
    return [field.strip().strip('"').strip() for field in line.split(delimiter)]


def is_number(field: str, decimal: str) -> bool:
    """True for a number with this decimal mark; `nan` and `inf` count, so that they can be refused by their line."""
    return bool(NUMBER[decimal].fullmatch(field) or NOT_FINITE.fullmatch(field))


def is_time(field: str) -> bool:
    """True for a date or a time of day in digits."""
    return bool(DATE_TIME.fullmatch(field) or CLOCK.fullmatch(field))


def is_row(fields: Iterable[str], decimal: str) -> bool:
    """True for a line of the table: numbers, times and empty cells, at least one of them a number."""
    numbers = 0
    for field in fields:
        if is_number(field, decimal):
            numbers += 1
        elif field and not is_time(field):
            return False
    return numbers > 0


def spread(lines: Sequence[Line]) -> Sequence[Line]:
    """At most `SAMPLED` lines, evenly spread."""
    return lines[:: max(1, -(-len(lines) // SAMPLED))]
