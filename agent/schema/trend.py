"""The slow trend of a sensor: hours and days, and when the velocity reaches the next zone."""

from __future__ import annotations

from pydantic import Field

from drsn.model.contract import Frozen


class TrendSeries(Frozen, defer_build=True):
    """Hours or days of a sensor, the oldest first; one value of each in every field, null: not measured."""

    at: tuple[str, ...] = Field(default=(), description="Start of each hour or day.")
    windows: tuple[int, ...] = Field(default=(), description="Windows of the running machine, without sensor faults.")
    velocity_rms_mm_s: tuple[float | None, ...] = Field(default=(), description="Mean.")
    rms: tuple[float | None, ...] = Field(default=(), description="Mean, in the sensor's unit.")
    peak: tuple[float | None, ...] = Field(default=(), description="Largest value.")
    crest_factor: tuple[float | None, ...] = Field(default=(), description="Mean.")
    kurtosis: tuple[float | None, ...] = Field(default=(), description="Mean.")
    healthy: tuple[float | None, ...] = Field(default=(), description="Mean of the probability of the healthy labels.")


class ForecastDocument(Frozen, defer_build=True):
    """A straight line through the velocity, and when it reaches the next zone; the interval has 95 %."""

    zone: str = Field(description="Zone of the line at its last point.")
    next_zone: str | None = Field(description="Next zone above. null: none.")
    limit_mm_s: float | None = Field(description="Lower limit of the next zone.")
    now_mm_s: float | None = Field(description="Velocity of the line at its last point.")
    per_day_mm_s: float | None = Field(description="Rise of the line.")
    days: float | None = Field(description="Days until the next zone. null: unknown.")
    days_low: float | None = None
    days_high: float | None = None
    reason: str | None = Field(default=None, description="Why it is unknown.")


class TrendDocument(Frozen, defer_build=True):
    """What is kept of a sensor: hours of 14 days and days of two years."""

    hourly: TrendSeries = TrendSeries()
    daily: TrendSeries = TrendSeries()
    forecast: ForecastDocument | None = Field(default=None, description="null: there is no velocity, or no limits.")
