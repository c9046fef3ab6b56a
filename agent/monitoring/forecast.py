"""When a slowly rising value reaches a limit: a robust straight line with its interval, or why there is none.

The slope is the median of the slopes of all pairs (Theil 1950; Sen 1968), with Sen's interval of 95 % from Kendall's
variance. Values that follow each other are alike, which would make the interval too narrow: the variance is multiplied
by (1 + r) / (1 - r), with r the correlation of neighbouring residuals (Yue and Wang 2004).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_POINTS: Final = 8
"""A line through fewer values says nothing."""

HORIZON_DAYS: Final = 730.0
"""A limit that is reached later, by the estimate, is out of sight: no machine wears in a straight line for so long."""

_Z_95 = 1.96


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through values over time."""

    now: float
    """Its value at the last time."""
    per_day: float
    per_day_low: float
    """Ends of the interval of 95 % of the slope."""
    per_day_high: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The time until a limit is reached."""

    days: float | None
    """None: it cannot be said; `reason` says why."""
    days_low: float | None = None
    days_high: float | None = None
    reason: str | None = None


def line_of(days: NDArray[np.float64], values: NDArray[np.float64]) -> Line | None:
    """The line through values; None: there are too few.

    Args:
        days: float64[points], rising.
        values: float64[points].
    """
    count = len(values)
    if count < LEAST_POINTS:
        return None
    later, earlier = np.tril_indices(count, -1)
    slopes = np.sort((values[later] - values[earlier]) / (days[later] - days[earlier]))
    per_day = float(np.median(slopes))
    rest = values - per_day * days
    middle = float(np.median(rest))
    variance = count * (count - 1) * (2 * count + 5) / 18 * _inflation(rest - middle)
    half = _Z_95 * math.sqrt(variance) / 2
    low = slopes[max(0, math.floor(len(slopes) / 2 - half))]
    high = slopes[min(len(slopes) - 1, math.ceil(len(slopes) / 2 + half))]
    return Line(middle + per_day * float(days[-1]), per_day, float(low), float(high))


def time_to(limit: float, line: Line | None) -> Forecast:
    """The days until the line reaches a limit, from its last point on."""
    if line is None:
        return Forecast(None, reason=f"fewer than {LEAST_POINTS} values")
    if line.now >= limit:
        return Forecast(None, reason="the limit is reached already")
    if line.per_day_low <= 0:
        return Forecast(None, reason="no certain rise")
    rise = limit - line.now
    days = rise / line.per_day
    if days > HORIZON_DAYS:
        return Forecast(None, reason=f"not within {HORIZON_DAYS:g} days")
    return Forecast(days, rise / line.per_day_high, rise / line.per_day_low)


def _inflation(residuals: NDArray[np.float64]) -> float:
    """By how much neighbours that are alike make the variance larger, at least 1."""
    power = float(np.dot(residuals, residuals))
    if not power:
        return 1.0
    r = min(0.95, max(0.0, float(np.dot(residuals[1:], residuals[:-1])) / power))
    return (1 + r) / (1 - r)
