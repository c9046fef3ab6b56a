"""Refuses tables that parse and may mean something else: grouped thousands, decimal commas between commas."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from drsn.model.data.readers.text_fields import NUMBER, split, spread
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.data.readers.text_layout import Table

FEW = 10
"""Whole numbers before the comma of a signal with a small range."""

WHOLE = re.compile(r"-?\d+(?:[eE][+-]?\d+)?", re.ASCII)


def refuse_grouping(path: Path, table: Table) -> None:
    """Refuse `1.234` that may mean 1234.

    Raises:
        BadDataError: naming the line.
    """
    mark = table.layout.decimal
    grouped = re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+", re.ASCII)
    rows = [(number, split(line, table.layout.delimiter)) for number, line in spread(table.body)]
    marked = [(number, field) for number, row in rows for field in row if mark in field]
    plain = any(field and mark not in field for _, row in rows for field in row if NUMBER[mark].fullmatch(field))
    if marked and (plain or mark == ",") and all(grouped.fullmatch(field) for _, field in marked):
        number, field = marked[0]
        raise BadDataError(
            f"{path} line {number}: {field} may group thousands or have decimals; give --decimal {mark} if these are "
            "decimals (a recipe's data.decimal), or export it without grouping"
        )


def refuse_decimal_commas(path: Path, table: Table) -> None:
    """Refuse `-0,5,1,25` of two channels, which looks like four columns of whole numbers, every second one unsigned.

    Names for all columns prove that they are columns, unless leading zeros or a first column that hardly changes are
    against it.

    Raises:
        BadDataError: the commas may be both.
    """
    if table.layout.delimiter != "," or table.layout.decimal == ",":
        return
    if any(", " in line for _, line in spread(table.body)):  # no number has a blank behind its comma
        return
    rows = [split(line, ",") for _, line in spread(table.body)]
    rows = [row for row in rows if len(row) == table.columns]
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    before, after = columns[::2], columns[1::2]
    whole = all(WHOLE.fullmatch(field) for column in columns for field in column if field)
    if not whole or len(columns) % 2 or any(field.startswith("-") for column in after for field in column):
        return
    zeros = any(re.fullmatch("0[0-9]+", field) for column in after for field in column)
    minus = any(field == "-0" for column in before for field in column)
    named = bool(table.header) and len(split(table.header[-1][1].lstrip("#% "), ",")) == table.columns
    changes = any(len({*column}) > min(FEW, len(column) // 2) for column in before)
    if zeros or minus or not named or not changes:
        raise BadDataError(
            f"{path}: its decimal commas look like delimiters, or whole numbers are parted by commas; give --decimal . "
            "(a recipe's data.decimal) if these are columns, else export it with semicolons or a decimal point"
        )
