"""Reads columns of numbers from text: a line is one moment, a column one channel, and one may be the time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.content import ANY, Choice, Content
from drsn.model.data.readers.text_decoding import read_lines
from drsn.model.data.readers.text_fields import CLOCK, DATE_TIME, NOT_FINITE, is_number, is_time, split, spread
from drsn.model.data.readers.text_header import read_header
from drsn.model.data.readers.text_layout import find_table
from drsn.model.data.readers.time_column import Stated, find_time
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from drsn.model.data.readers.text_layout import Table

LONG_LINE = 64
"""A file of one line with more numbers than this is one channel: nothing has as many at one moment."""

RISING = 16
"""A column of at least this many samples that only rises is a time axis or a counter, not a vibration."""


def read_text(path: Path, choice: Choice = ANY) -> Content:
    """Read one file of columns.

    Raises:
        OSError: the file can't be read.
        BadDataError: no table of numbers, a tie between two readings, or a time that is uneven.
    """
    lines, encoding = read_lines(path)
    table = find_table(path, lines, choice.decimal)
    header = read_header(path, table)
    kinds = _kinds(table)
    numbers = _numbers(path, table, kinds)
    notes = [f"text, {encoding}, {table.layout}, {len(table.header)} lines above the numbers", table.why]
    if len(numbers) == 1 and numbers.shape[1] > LONG_LINE and not header.names:
        return Content(numbers, header.rate_hz, notes=(*filter(None, notes), "one line of numbers is one channel"))
    kept = [column for column, kind in enumerate(kinds) if kind != "empty"]
    names = tuple(header.names[column] for column in kept) if header.names else ()
    units = tuple(header.units[column] for column in kept) if header.units else ()
    written = {kept.index(c): _seconds(path, table, c) for c, kind in enumerate(kinds) if kind == "time"}
    time = find_time(path, numbers[:, kept], Stated(names, units, header.rate_hz, choice.sample_rate_hz), written)
    if time.rate_hz and header.rate_hz and abs(time.rate_hz / header.rate_hz - 1) > 0.01:
        raise BadDataError(
            f"{path}: its time has {time.rate_hz:g} Hz and its header states {header.rate_hz:g} Hz; leave one out"
        )
    channels = [column for column in range(len(kept)) if column not in time.columns]
    samples = numbers[:, kept][:, channels].T
    names = tuple(names[column] for column in channels) if any(names) else ()
    if not choice.channels:
        refuse_counters(path, samples)
    return Content(samples, time.rate_hz or header.rate_hz, names=names, notes=tuple(filter(None, [*notes, time.note])))


def refuse_counters(path: Path, samples: NDArray[np.float64]) -> None:
    """Refuse an unnamed time axis, which would otherwise be read as vibration.

    Raises:
        BadDataError: naming the channel.
    """
    if samples.shape[1] < RISING:
        return
    for number, channel in enumerate(samples):
        if (np.diff(channel) >= 0).all() and channel[-1] > channel[0]:
            raise BadDataError(
                f"{path}: channel {number} only rises, as time or a counter does; head it time_s (or _ms, _us, _ns), "
                "give the sample rate, or choose others with channels"
            )


def _kinds(table: Table) -> list[str]:
    """What each column holds in most lines: `number`, `time`, or `empty`."""
    kinds: list[str] = []
    rows = [split(line, table.layout.delimiter) for _, line in spread(table.body)]
    rows = [row for row in rows if len(row) == table.columns]
    for column in range(table.columns):
        cells = [row[column] for row in rows]
        counts = {
            "number": sum(is_number(cell, table.layout.decimal) for cell in cells),
            "time": sum(map(is_time, cells)),
            "empty": cells.count(""),
        }
        kinds.append(max(counts, key=lambda kind: counts[kind]))
    return kinds


def _numbers(path: Path, table: Table, kinds: list[str]) -> NDArray[np.float64]:
    """Parse the lines into float64[lines, columns]; columns of times and empty ones are NaN.

    Raises:
        BadDataError: naming the first line that is no row of the table.
    """
    delimiter, decimal = table.layout
    lines = [line for _, line in table.body]
    if any('"' in line for line in lines):
        lines, delimiter = ["\t".join(split(line, delimiter)) for line in lines], "\t"
    text = "\n".join(lines)
    if decimal == ",":
        text = text.replace(",", ".")
    if re.search(r"\d[dD][+-]?\d", text[:100_000]):
        text = re.sub(r"(?<=[\d.])[dD](?=[+-]?\d)", "e", text)
    lines = text.split("\n")
    columns = [column for column, kind in enumerate(kinds) if kind == "number"]
    fields = table.columns - 1
    even = delimiter is None or all(line.count(delimiter) == fields for line in lines)
    edges = all(kinds[column] != "empty" for column in range(table.columns)) or _all_empty(lines, delimiter, kinds)
    try:
        parsed = np.loadtxt(lines, delimiter=delimiter, comments=None, ndmin=2, usecols=columns)
    except ValueError:
        parsed = None
    if parsed is None or not even or not edges or not np.isfinite(parsed).all() or _ragged(lines, delimiter, fields):
        raise BadDataError(f"{path} {_first_fault(table, kinds)}")
    out = np.full((len(lines), table.columns), np.nan)
    out[:, columns] = parsed
    return out


def _ragged(lines: list[str], delimiter: str | None, fields: int) -> bool:
    """True if blanks part the columns and a line has more of them: numpy reads the first ones."""
    return delimiter is None and any(len(line.split()) != fields + 1 for line in lines)


def _all_empty(lines: list[str], delimiter: str | None, kinds: list[str]) -> bool:
    empty = [column for column, kind in enumerate(kinds) if kind == "empty"]
    rows = (line.split(delimiter) for line in lines)
    return all(not row[column].strip() for row in rows if len(row) == len(kinds) for column in empty)


def _first_fault(table: Table, kinds: list[str]) -> str:
    """What is wrong in the first line that is no row of the table, and how many more there are."""
    faults = [
        (number, fault)
        for number, line in table.body
        if (fault := _fault(split(line, table.layout.delimiter), kinds, table.layout.decimal))
    ]
    if not faults:
        return "holds numbers beyond the range of a double; export it again"
    number, fault = faults[0]
    more = f" (and {len(faults) - 1} more lines)" if len(faults) > 1 else ""
    return f"line {number}: no recording: {fault}{more}; mend or cut the file there"


def _fault(row: list[str], kinds: list[str], decimal: str) -> str:
    if len(row) != len(kinds):
        return f"not {len(kinds)} numbers but {len(row)}"
    for column, (cell, kind) in enumerate(zip(row, kinds, strict=True)):
        if kind == "empty" and cell:
            return f"column {column} is empty above, and {cell[:20]!r} here"
        if kind == "number" and (NOT_FINITE.fullmatch(cell) or not is_number(cell, decimal)):
            return f"not {len(kinds)} numbers: column {column} is {repr(cell[:20]) if cell else 'empty'}"
        if kind == "time" and not is_time(cell):
            return f"column {column} is {cell[:30]!r}, no time"
    return ""


def _seconds(path: Path, table: Table, column: int) -> NDArray[np.float64]:
    """Dates and times of day as seconds since the first of them, in float64.

    Raises:
        BadDataError: a cell is no time, or the zone changes.
    """
    cells = [split(line, table.layout.delimiter)[column] for _, line in table.body]
    found = [DATE_TIME.fullmatch(cell) or CLOCK.fullmatch(cell) for cell in cells]
    groups = [match.groupdict() if match else {} for match in found]
    if len({group.get("zone") for group in groups}) > 1:
        raise BadDataError(f"{path}: the zone of its time changes; write all of it in UTC")
    stamps = [
        f"{g.get('date') or '1970-01-01'}T{(g.get('clock') or '0:00:00').zfill(8).replace(',', '.')}" for g in groups
    ]
    try:
        times = np.array([_padded(stamp) for stamp in stamps], dtype="datetime64[ns]")
    except ValueError as error:
        raise BadDataError(f"{path}: column {column} is no time: {error}; mend it") from None
    seconds: NDArray[np.float64] = (times - times[0]).astype(np.int64) / 1e9
    return seconds


def _padded(stamp: str) -> str:
    """An hour of one digit gets a zero in front, which numpy asks for; more than nine decimals are cut."""
    date, _, clock = stamp.partition("T")
    whole, _, fraction = clock.partition(".")
    return f"{date}T{whole.zfill(8)}.{fraction[:9] or '0'}"
