"""Reads columns of numbers from text: a line is one moment, a column one channel, and one may be the time."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TIME = re.compile(r"(?:time|t|timestamp)[\s_(\[]*(s|sec|seconds?|ms|us|µs)?[\s)\]]*", re.IGNORECASE)
"""Header names of a first column of time; without a unit it is in seconds."""

UNIT_S = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6}

UNEVEN = 0.4
"""A moment may lie this part of a step from where even steps put it: one lost sample moves some by half a step."""


class Columns(NamedTuple):
    """float64[channels, n], the rate in Hz where there is a column of time, and the channels' names if known."""

    samples: NDArray[np.float64]
    rate_hz: float | None
    names: tuple[str, ...]


def read_text(path: Path) -> Columns:
    """Read one file of columns apart by comma, semicolon, tab or blanks; `1,5` is 1.5 unless commas part the columns.

    Lines that begin with # or % come before the numbers, and one line may name the columns.

    Raises:
        OSError: the file can't be read.
        BadDataError: no table of numbers, or a time that is uneven.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    remarks = sum(1 for _ in takewhile(lambda numbered: numbered[1].lstrip()[0] in "#%", lines))
    header = lines[remarks - 1][1].lstrip("#% ") if remarks else ""
    has_header = remarks < len(lines) and not _is_numbers(lines[remarks][1])
    if has_header:
        header = lines[remarks][1]
    body = lines[remarks + has_header :]
    if not body:
        raise BadDataError(f"{path}: no recording: no line of numbers; one line is one moment, one column one channel")
    table = _table(path, body)
    names = _names(header, _delimiter(body[0][1]), table.shape[1])
    if has_header and not names:
        raise BadDataError(
            f"{path}: its header does not name {table.shape[1]} columns; part names as the numbers are parted"
        )
    return _without_time(path, table, names)


def _table(path: Path, body: list[tuple[int, str]]) -> NDArray[np.float64]:
    """Parse the lines into float64[lines, columns]."""
    delimiter = _delimiter(body[0][1])
    lines = [line.replace(",", ".") if delimiter in (";", "\t") else line for _, line in body]
    try:
        return np.loadtxt(lines, delimiter=delimiter, comments=None, ndmin=2, quotechar='"')
    except ValueError:
        columns = len(_fields(lines[0], delimiter))
        broken = (n for n, line in body if not _is_numbers(line) or len(_fields(line, delimiter)) != columns)
        number = next(broken, body[0][0])
        raise BadDataError(f"{path} line {number}: no recording: not {columns} numbers; mend that line") from None


def _names(header: str, delimiter: str | None, columns: int) -> tuple[str, ...]:
    """Names of the columns; empty if the header does not fit them."""
    names = tuple(_fields(header, delimiter)) if columns > 1 else (header.strip().strip('"').strip(),)
    return names if len(names) == columns and any(names) else ()


def _without_time(path: Path, table: NDArray[np.float64], names: tuple[str, ...]) -> Columns:
    found = TIME.fullmatch(names[0].strip()) if names else None
    if not found or table.shape[1] == 1:
        return Columns(table.T, None, names)
    time_s = table[:, 0] * UNIT_S.get((found[1] or "").lower(), 1.0)
    return Columns(table[:, 1:].T, _rate_of(path, time_s), names[1:])


def _rate_of(path: Path, time_s: NDArray[np.float64]) -> float:
    """Samples per second, whole where it is within 0.01 % of it.

    Raises:
        BadDataError: the steps are uneven.
    """
    step_s = (time_s[-1] - time_s[0]) / max(len(time_s) - 1, 1)
    if not 0 < step_s < np.inf:
        raise BadDataError(f"{path}: its time does not rise; mend it, or leave it out and give sample_rate_hz")
    off = np.abs(time_s - time_s[0] - step_s * np.arange(len(time_s))) / step_s
    if not off.max() < UNEVEN:
        raise BadDataError(
            f"{path}: its time has uneven steps; cut the file where samples are missing, or if the time is only "
            "written too coarsely, leave it out and give sample_rate_hz"
        )
    rate_hz = float(1 / step_s)
    whole = round(rate_hz)
    return float(whole) if abs(rate_hz - whole) < 1e-4 * rate_hz else rate_hz


def _delimiter(line: str) -> str | None:
    """The delimiter of the file; None is any run of blanks."""
    return next((mark for mark in (";", "\t", ",") if mark in line.strip()), None)


def _fields(line: str, delimiter: str | None) -> list[str]:
    return [field.strip().strip('"').strip() for field in line.strip("\n").split(delimiter)]


def _is_numbers(line: str) -> bool:
    delimiter = _delimiter(line)
    try:
        for field in _fields(line, delimiter):
            float(field.replace(",", ".") if delimiter != "," else field)
    except ValueError:
        return False
    return True
