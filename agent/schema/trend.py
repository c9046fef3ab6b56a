"""The slow trend of a sensor: hours and days, and when the velocity reaches the next zone."""

from __future__ import annotations

from pydantic import Field

from drsn.model.contract import Frozen


class TrendSeries(Frozen, defer_build=True):
    """Hours or days of a sensor, the oldest first; one value of each in every field, null: not measured."""

    at: tuple[str, ...] = Field(default=(), description="start of each")
    windows: tuple[int, ...] = Field(default=(), description="of the running machine, with a sound sensor")
    velocity_rms_mm_s: tuple[float | None, ...] = Field(default=(), description="mean")
    rms: tuple[float | None, ...] = Field(default=(), description="mean, in the sensor's unit")
    peak: tuple[float | None, ...] = Field(default=(), description="largest")
    crest_factor: tuple[float | None, ...] = Field(default=(), description="mean")
    kurtosis: tuple[float | None, ...] = Field(default=(), description="mean")
    healthy: tuple[float | None, ...] = Field(default=(), description="mean of P(healthy)")


class ForecastDocument(Frozen, defer_build=True):
    """A straight line through the velocity, and when it reaches the next zone; the interval has 95 %."""

    zone: str = Field(description="by the line, at its last point")
    next_zone: str | None = Field(description="null: there is none above")
    limit_mm_s: float | None = Field(description="where the next zone begins")
    now_mm_s: float | None = Field(description="of the line, at its last point")
    per_day_mm_s: float | None = Field(description="how the line rises")
    days: float | None = Field(description="until the next zone; null: it cannot be said")
    days_low: float | None = None
    days_high: float | None = None
    reason: str | None = Field(default=None, description="why it cannot be said")


class TrendDocument(Frozen, defer_build=True):
    """What is kept of a sensor: hours of 14 days and days of two years."""

    hourly: TrendSeries = TrendSeries()
    daily: TrendSeries = TrendSeries()
    forecast: ForecastDocument | None = Field(default=None, description="null: no velocity, or no limits")
