"""The column of time in a table: which one it is, its unit, and the sampling rate that follows.

A unit is stated (the column's name, a row of units), or follows from the magnitude of a date, or from a rate that is
known otherwise. Seconds are the default only where milliseconds can't be meant. Nothing else is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

UNIT = r"n?s|sec|secs|seconds?|ms|msec|milliseconds?|[uµμ]s|[uµμ]sec|microseconds?|nsec|nanoseconds?"
TIME = re.compile(
    rf"(?:(?:relative |elapsed )?time(?:[ _]?stamp)?|t|ts|date(?:[ _]?time)?|zeit(?:stempel)?|datum|elapsed|"
    rf"x[ _]?value|temps|tiempo)[\s_(\[]*(?P<unit>{UNIT})?[\s)\]]*",
    re.IGNORECASE,
)
"""Names of a column of time."""

INDEX = re.compile(r"|unnamed: 0|index|#|sample|no\.?", re.IGNORECASE)
"""Names of a column that counts the lines; pandas leaves it empty."""

SCALES = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}

UNEVEN = 0.4
"""A moment may lie this part of a step from where even steps put it: one lost sample moves some by half a step."""

VIBRATION_HZ = (100.0, 1e6)
"""Rates of vibration recorders. Above 1 kHz in seconds, milliseconds would mean more than 1 MHz."""

DEFAULT_HZ = 1000.0
"""Least rate at which a column without a unit is in seconds."""

CALENDAR_S = (946_684_800.0, 4_102_444_800.0)
"""Seconds since 1970 of the years 2000 to 2100."""

SAME_RATE = 0.01

ROUND = (1000, 100, 10, 1)
NEAR, COARSE = 1e-4, 1e-3
"""A rate within 0.01 % of a whole number is whole; moments written coarsely may hide 0.1 %."""


@dataclass(frozen=True)
class Stated:
    """What is known of the time besides the column: names and units of all columns, rates of header and user."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    header_hz: float | None
    given_hz: float | None

    @property
    def rates_hz(self) -> tuple[float, ...]:
        """The known rates."""
        return tuple(rate for rate in (self.header_hz, self.given_hz) if rate)


@dataclass(frozen=True)
class TimeColumn:
    """The columns that are no channel, the rate in Hz if there is a time, and how it was found."""

    columns: tuple[int, ...] = ()
    rate_hz: float | None = None
    note: str = ""


def find_time(
    path: Path, table: NDArray[np.float64], stated: Stated, written: dict[int, NDArray[np.float64]]
) -> TimeColumn:
    """Find the time of float64[lines, columns].

    Args:
        path: for errors.
        table: the numbers; NaN in columns of dates.
        stated: what is known besides.
        written: column -> seconds, where dates or times of day are written out.

    Raises:
        BadDataError: the time has uneven steps, or nothing decides its unit.
    """
    if written:
        rate_hz = _rate(path, np.sum(list(written.values()), axis=0))  # a date and a time of day may be two columns
        return TimeColumn(tuple(written), rate_hz, f"column {min(written)} is a written time: {rate_hz:g} Hz")
    if table.shape[1] < 2:
        return TimeColumn()
    column = next((n for n, name in enumerate(stated.names) if _is_time(name, n, table)), None)
    if column is not None:
        return _named(path, table[:, column], column, stated)
    return _unnamed(path, table, stated)


def _unnamed(path: Path, table: NDArray[np.float64], stated: Stated) -> TimeColumn:
    """Columns that are a time, or count the lines, by what is in them."""
    if (clock_s := _four_columns(table)) is not None:
        rate_hz = _rate(path, clock_s)
        return TimeColumn(
            (0, 1, 2, 3), rate_hz, f"columns 0 to 3 are hour, minute, second, microsecond: {rate_hz:g} Hz"
        )
    first = table[:, 0]
    if stated.names and INDEX.fullmatch(stated.names[0].strip()) and (np.diff(first) == 1).all():
        return TimeColumn((0,), None, "column 0 counts the lines: left out")
    if stated.rates_hz and _is_even(first) and (scale := _scale_of_rate(first, stated.rates_hz)):
        rate_hz = _rate(path, first * SCALES[scale])
        return TimeColumn((0,), rate_hz, f"column 0 rises in steps of the known rate: time in {scale}")
    return TimeColumn()


def _is_time(name: str, column: int, table: NDArray[np.float64]) -> bool:
    """True for a name of time; behind the first column it must rise, for T may be a temperature."""
    return bool(TIME.fullmatch(name.strip())) and (column == 0 or bool((np.diff(table[:, column]) > 0).all()))


def _named(path: Path, time: NDArray[np.float64], column: int, stated: Stated) -> TimeColumn:
    name = stated.names[column].strip()
    found = TIME.fullmatch(name)
    unit = (found["unit"] if found else None) or (stated.units[column].strip("()[] ") if stated.units else None)
    if unit and _scale_name(unit):
        scale, why = _scale_name(unit), "stated"
    else:
        scale, why = _evidence(path, name, time, stated)
    rate_hz = _rate(path, (time - time[0]) * SCALES[scale])
    return TimeColumn((column,), rate_hz, f"column {column} ({name}) is the time in {scale} ({why}): {rate_hz:g} Hz")


def _scale_name(unit: str) -> str:
    unit = unit.lower().replace("μ", "µ")
    if unit.startswith(("us", "µs", "micro")):
        return "µs"
    return (
        "ms" if unit.startswith(("ms", "milli")) else "ns" if unit.startswith("n") else "s" if unit[:1] == "s" else ""
    )


def _evidence(path: Path, name: str, time: NDArray[np.float64], stated: Stated) -> tuple[str, str]:
    """The unit of a time without one, and what decides.

    Raises:
        BadDataError: nothing does.
    """
    if not _is_even(time):
        _rate(path, time)  # says what is wrong with it
    per_unit = float((len(time) - 1) / (time[-1] - time[0]))
    rates = {scale: per_unit / SCALES[scale] for scale in SCALES}
    dates = [scale for scale in SCALES if CALENDAR_S[0] <= time[0] * SCALES[scale] < CALENDAR_S[1]]
    if dates and VIBRATION_HZ[0] <= rates[dates[0]] * (1 + SAME_RATE):
        return dates[0], "since 1970, by its magnitude"
    if scale := _scale_of_rate(time, stated.rates_hz):
        return scale, "by the known rate"
    if not dates and DEFAULT_HZ * (1 - 1e-4) <= rates["s"] < VIBRATION_HZ[1]:
        return "s", "milliseconds would be 1 MHz or more"
    choices = ", ".join(f"{rates[scale]:g} Hz if in {scale}" for scale in ("s", "ms", "µs"))
    raise BadDataError(
        f"{path}: the time {name!r} has no unit: {choices}; head it time_s, time_ms, time_us or time_ns, or give the "
        "sample rate"
    )


def _scale_of_rate(time: NDArray[np.float64], rates_hz: tuple[float, ...]) -> str:
    """The unit in which the steps are those of a known rate; empty if there is none."""
    per_unit = float((len(time) - 1) / (time[-1] - time[0]))
    return next(
        (s for s, scale in SCALES.items() if any(abs(per_unit / scale / rate - 1) < SAME_RATE for rate in rates_hz)), ""
    )


def _four_columns(table: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Seconds of columns hour, minute, second, microsecond, as FEMTO has them, if they only rise."""
    if table.shape[1] < 5 or len(table) < 16:
        return None
    parts = table[:, :4]
    whole = parts[:, :3]
    if (whole != np.round(whole)).any() or (parts < 0).any() or (parts >= (24, 60, 60, 1e6)).any():
        return None
    clock_s: NDArray[np.float64] = parts @ np.array([3600.0, 60.0, 1.0, 1e-6])
    if (np.diff(clock_s) < 0).any() or not clock_s[-1] > clock_s[0]:
        return None
    return clock_s if VIBRATION_HZ[0] <= (len(clock_s) - 1) / (clock_s[-1] - clock_s[0]) < VIBRATION_HZ[1] else None


def _is_even(time: NDArray[np.float64]) -> bool:
    """True where all moments lie near even steps."""
    if len(time) < 2 or not np.isfinite(time).all() or not time[-1] > time[0]:
        return False
    step = (time[-1] - time[0]) / (len(time) - 1)
    return bool(np.abs(time - time[0] - step * np.arange(len(time))).max() < UNEVEN * step)


def _rate(path: Path, time_s: NDArray[np.float64]) -> float:
    """Samples per second: the roundest number that the precision of the moments allows.

    Raises:
        BadDataError: the steps are uneven.
    """
    if len(time_s) < 2 or not time_s[-1] > time_s[0]:
        raise BadDataError(f"{path}: its time does not rise; mend it, or leave it out and give sample_rate_hz")
    if not _is_even(time_s):
        raise BadDataError(
            f"{path}: its time has uneven steps; cut the file where samples are missing, or if the time is only "
            "written too coarsely, leave it out and give sample_rate_hz"
        )
    span_s, steps = float(time_s[-1] - time_s[0]), len(time_s) - 1
    rate_hz = steps / span_s
    off_s = float(np.abs(time_s - time_s[0] - np.arange(steps + 1) * (span_s / steps)).max())
    unsure = min(2 * off_s / span_s, COARSE) + 1e-9
    for base in ROUND:
        rounded = base * round(rate_hz / base)
        if rounded and abs(rate_hz / rounded - 1) <= max(unsure, NEAR if base == 1 else 0.0):
            return float(rounded)
    return rate_hz
