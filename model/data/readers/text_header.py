"""What the lines above a table state: names and units of the columns, and the sampling rate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from drsn.model.data.readers.text_fields import NUMBER, split
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.data.readers.text_layout import Table

UNITS = re.compile(
    r"[(\[]?(?:unit|units|einheit|-|n?s|sec|ms|[uµμ]s|m?g|m/s(?:\^?2|²)?|mm/s|[uµμ]?m|m?v|volts?|m?a|k?hz|rpm|deg|°c|c|nm|n|%|pa|db)?[)\]]?",
    re.IGNORECASE,
)
RATE = re.compile(
    r"\W*(?:sampl\w*[ _.-]*(?:rate|freq\w*)|abtast(?:rate|frequenz)|fs)\b[^0-9\n]*?(?P<value>\d[\d.,]*(?:e[+-]?\d+)?)"
    r"\s*(?P<unit>[km]?hz|samples/s|s/s|sps)?[)\]]?\s*(?:[;,|\t]|$)",  # not `FS 4 g`, the range of a sensor
    re.IGNORECASE,
)
INTERVAL = re.compile(
    r"\W*(?:sampl\w*[ _.-]*(?:interval|period)|delta[ _]?[xt]|dt|xincr\w*)\b[^0-9\n]*?"
    r"(?P<value>\d[\d.,]*(?:e[+-]?\d+)?)\s*(?P<unit>[munµμ]?s)?[)\]]?\s*(?:[;,|\t]|$)",
    re.IGNORECASE,
)
SCALE = {"khz": 1e3, "mhz": 1e6, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
EXTRA = ("", "comment")
"""Names behind those of the columns that LabVIEW and trailing delimiters leave."""


class TextHeader(NamedTuple):
    """Names and units of the columns, each one for a column or none, and the rate in Hz."""

    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    rate_hz: float | None = None


def read_header(path: Path, table: Table) -> TextHeader:
    """Read what is above the table.

    Raises:
        BadDataError: its one line does not name the columns, or it states two rates.
    """
    remarks = all(line.lstrip()[0] in "#%" for _, line in table.header)
    lines = [line.strip("\r\n ").lstrip("#% ").rstrip(" ") for _, line in table.header]
    rows = [_cells(line, table) for line in lines]
    names, units = _names(rows, table)
    if len(lines) == 1 and not remarks and not names and _rate(path, lines, table) is None:
        raise BadDataError(
            f"{path}: its header does not name {table.columns} columns; part names as the numbers are parted"
        )
    return TextHeader(names, units, _rate(path, lines, table))


def _cells(line: str, table: Table) -> list[str]:
    """Cells of a header line; with one column the whole line is its name."""
    if table.columns == 1:
        return [line.strip().strip('"').strip()]
    cells = split(line, table.layout.delimiter)
    while len(cells) > table.columns and cells[-1].lower() in EXTRA:
        cells.pop()
    return cells


def _names(rows: list[list[str]], table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The last line that fits the columns has the names, or the units of the names above it."""
    mark = table.layout.decimal
    fitting = [
        number
        for number, row in enumerate(rows)
        if len(row) == table.columns and any(row) and not any(NUMBER[mark].fullmatch(cell) for cell in row)
    ]
    if not fitting or (table.columns == 1 and fitting[-1] != len(rows) - 1):
        return (), ()
    last, above = fitting[-1], fitting[-2] if len(fitting) > 1 else -1
    row = rows[last]
    if above == last - 1 and all(UNITS.fullmatch(cell) for cell in row):
        return tuple(rows[above]), tuple(row)
    return tuple(row), ()


def _rate(path: Path, lines: list[str], table: Table) -> float | None:
    """Samples per second from a line such as `Sampling rate 25600` or `Delta_X 3.9e-5`."""
    rates: list[float] = []
    for line in lines:
        for pattern in (RATE, INTERVAL):
            found = pattern.match(line)
            value = _value(found["value"], table.layout.decimal) if found else 0.0
            if found and value:
                value *= SCALE.get((found["unit"] or "").lower(), 1.0)
                rates.append(value if pattern is RATE else 1 / value)
    if rates and max(rates) > 1.01 * min(rates):
        raise BadDataError(f"{path}: its header states {min(rates):g} Hz and {max(rates):g} Hz; leave one of them out")
    return _whole(rates[0]) if rates else None


def _value(text: str, decimal: str) -> float:
    try:
        return float(text.rstrip(",.").replace(",", ".") if decimal == "," else text.rstrip(",."))
    except ValueError:
        return 0.0


def _whole(rate_hz: float) -> float:
    whole = round(rate_hz)
    return float(whole) if whole and abs(rate_hz - whole) < 1e-4 * rate_hz else rate_hz
