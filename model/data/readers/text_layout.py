"""Finds how a table of numbers is written: where it begins, its delimiter, its decimal mark. A tie is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.model.data.readers.text_doubt import FEW, refuse_decimal_commas, refuse_grouping
from drsn.model.data.readers.text_fields import Layout, is_row, split, spread
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from drsn.model.data.readers.text_decoding import Line

SEP_LINE = re.compile(r'"?sep=(?P<delimiter>.)"?', re.IGNORECASE)
"""The first line that Excel writes and reads."""

GROUPED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+\.\d|(?<![\d.,])[1-9]\d{0,2}(?:\.\d{3})+,\d", re.ASCII)

STRONG = (";", "\t", "|")
"""Delimiters that no number contains."""

MOST_HEADER = 500
"""Lines before the first line of numbers."""

DECIMALS = (".", ",")


@dataclass(frozen=True)
class Table:
    """Lines of numbers of one layout, and the lines above them."""

    layout: Layout
    header: tuple[Line, ...]
    body: tuple[Line, ...]
    columns: int
    """Fields in most lines, empty ones included."""
    why: str = ""
    """What decided between two readings."""


def find_table(path: Path, lines: Sequence[Line], decimal: str | None = None) -> Table:
    """Find the table in the lines.

    Args:
        path: for errors.
        lines: those that are not blank.
        decimal: the mark, where the user states it.

    Raises:
        BadDataError: there is no table, or two readings of it are possible.
    """
    forced = SEP_LINE.fullmatch(lines[0][1].strip()) if lines else None
    if forced:
        lines = lines[1:]
    end = len(lines)
    while end and lines[end - 1][1].lstrip()[0] in "#%":
        end -= 1
    lines = lines[:end]
    candidates = [
        found
        for layout in _layouts(lines, forced["delimiter"] if forced else None, decimal)
        if (found := _table(lines, layout))
    ]
    if not candidates and any(GROUPED.search(line) for _, line in spread(lines)):
        raise BadDataError(f"{path}: its numbers group thousands, as 1,234.56 does; export it without grouping")
    if not candidates:
        raise BadDataError(f"{path}: no recording: no line of numbers; one line is one moment, one column one channel")
    table = _decided(path, _likely(path, candidates))
    if decimal is None:
        refuse_grouping(path, table)
        refuse_decimal_commas(path, table)
    return table


def _likely(path: Path, candidates: list[Table]) -> list[Table]:
    """The readings that fit the most lines.

    Raises:
        BadDataError: none fits half of them.
    """
    shares = {table.layout: _share(table) for table in candidates}
    if max(shares.values()) < 0.5:
        number, line = candidates[0].body[0]
        if any(GROUPED.search(line) for _, line in spread(candidates[0].body)):
            raise BadDataError(f"{path}: its numbers group thousands, as 1,234.56 does; export it without grouping")
        raise BadDataError(
            f"{path}: no recording: its lines are no table, neither with ; tab | , nor blanks between the columns; "
            f"line {number} is {line.strip()[:40]!r}"
        )
    # A reading that takes a line of numbers for a header is none.
    first = min(len(table.header) for table in candidates if shares[table.layout] >= 0.5)
    candidates = [table for table in candidates if len(table.header) == first]
    best = max(shares[table.layout] for table in candidates)
    likely = [table for table in candidates if shares[table.layout] == best]
    # Two columns of whole numbers and one line between them look like decimals: that is no proof.
    as_columns = [table for table in candidates if table.layout == Layout(",", ".") and shares[table.layout] >= 0.5]
    return [*likely, *(table for table in as_columns if table not in likely)]


def _layouts(lines: Sequence[Line], forced: str | None, decimal: str | None) -> Iterator[Layout]:
    """Possible layouts, the likelier first."""
    text = "\n".join(line for _, line in spread(lines))
    marks = (decimal,) if decimal else DECIMALS
    delimiters = [forced] if forced else [mark for mark in STRONG if mark in text]
    for delimiter in delimiters:
        for mark in marks:
            if mark != delimiter or '"' in text:
                yield Layout(delimiter, mark)
    if forced:
        return
    if "," in text:
        yield from (Layout(",", mark) for mark in marks if mark == "." or '"' in text)
    yield from (Layout(None, mark) for mark in marks if mark == "." or "," in text)


def _table(lines: Sequence[Line], layout: Layout) -> Table | None:
    """The table that begins at the first line of numbers."""
    for first, (_, line) in enumerate(lines[:MOST_HEADER]):
        fields = split(line, layout.delimiter)
        parted = layout.delimiter is None or layout.delimiter in line
        if parted and is_row(fields, layout.decimal) and line.lstrip()[0] not in "#%":
            return Table(layout, tuple(lines[:first]), tuple(lines[first:]), len(fields))
    return None


def _share(table: Table) -> float:
    """The part of the lines that are rows of the table."""
    rows = [split(line, table.layout.delimiter) for _, line in spread(table.body)]
    fitting = sum(len(row) == table.columns and is_row(row, table.layout.decimal) for row in rows)
    return fitting / len(rows)


def _decided(path: Path, tables: list[Table]) -> Table:
    """The one reading of equal ones, by what is written; a comma that may part columns or decimals needs a proof.

    Raises:
        BadDataError: nothing decides.
    """
    first = tables[0]
    as_columns = next((table for table in tables if table.layout == Layout(",", ".")), None)
    as_decimals = next((table for table in tables if table.layout == Layout(None, ",")), None)
    if first.layout.delimiter in STRONG or as_columns is None or as_decimals is None:
        return first
    pairs = [line.strip().partition(",") for _, line in spread(first.body)]
    decimals = any(re.fullmatch("0[0-9]+", after) or before in ("-0", "+0") for before, _, after in pairs)
    header = [line.strip() for _, line in as_columns.header if line.strip()]
    names = len(split(header[-1].lstrip("#% "), ",")) if header else 0
    if decimals and names != as_columns.columns:
        return Table(*_of(as_decimals), "no column of whole numbers has leading zeros: the comma is the decimal mark")
    # Volts around 2,5 look like columns too, of which the first hardly changes: `Acceleration, g` may be one name.
    changes = len({before for before, _, _ in pairs}) > min(FEW, len(pairs) // 2)
    if names == as_columns.columns and not decimals and changes:
        return Table(*_of(as_columns), "the header names two columns: the comma is the delimiter")
    if names == 1 and not decimals:
        return Table(*_of(as_decimals), "the header names one column: the comma is the decimal mark")
    raise BadDataError(
        f"{path}: its commas are decimal marks or part two columns, and nothing decides; give --decimal , or "
        "--decimal . (a recipe's data.decimal), or export it with a decimal point"
    )


def _of(table: Table) -> tuple[Layout, tuple[Line, ...], tuple[Line, ...], int]:
    return table.layout, table.header, table.body, table.columns
