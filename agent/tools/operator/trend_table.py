"""The trend of a sensor as lines of text: a curve, the last days and hours, and the time to the next zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drsn.agent.schema.trend import ForecastDocument, TrendDocument, TrendSeries

BLOCKS: Final = "▁▂▃▄▅▆▇█"
SHOWN: Final = {"daily": 14, "hourly": 24}
"""Newest rows of each that are shown; `--json` has all."""

CURVE: Final = 60
"""Newest rows in a curve."""

HEAD: Final = "{:17} {:>9} {:>9} {:>9} {:>7} {:>9} {:>8} {:>8}"
COLUMNS: Final = ("velocity_rms_mm_s", "rms", "peak", "crest_factor", "kurtosis", "healthy")


def trend_lines(sensor: str, trend: TrendDocument) -> Iterator[str]:
    """Text for a person."""
    if not trend.hourly.at and not trend.daily.at:
        yield f"{sensor}: nothing yet; a trend begins with the first window of the running machine"
        return
    for name, series in (("daily", trend.daily), ("hourly", trend.hourly)):
        yield f"{sensor}, {name}: {_curve(series)}"
        yield HEAD.format("FROM (UTC)", "WINDOWS", "MM/S RMS", "RMS", "PEAK", "CREST", "KURTOSIS", "HEALTHY")
        first = max(0, len(series.at) - SHOWN[name])
        for row in range(first, len(series.at)):
            cells = (_cell(getattr(series, column)[row]) for column in COLUMNS)
            velocity, rms, peak, crest, kurtosis, healthy = cells
            at = series.at[row][:16].replace("T", " ")
            yield HEAD.format(at, series.windows[row], velocity, rms, peak, crest, kurtosis, healthy)
        yield ""
    yield f"{sensor}: {forecast_line(trend.forecast)}"


def forecast_line(forecast: ForecastDocument | None) -> str:
    """When the next zone is reached, in one line."""
    if forecast is None:
        return "no forecast: no velocity, or no machine_group (docs/use/level.md)"
    rise = "" if forecast.per_day_mm_s is None else f", {forecast.per_day_mm_s:+.3g} mm/s a day"
    now = "" if forecast.now_mm_s is None else f" at {forecast.now_mm_s:.3g} mm/s"
    where = f"{forecast.zone}{now}{rise}"
    if forecast.days is None:
        return f"{where}; the time to the next zone cannot be said: {forecast.reason}"
    interval = f"{forecast.days_low:.3g} to {forecast.days_high:.3g}"
    return f"{where}; {forecast.next_zone} (from {forecast.limit_mm_s:g} mm/s) in {forecast.days:.3g} days ({interval})"


def _curve(series: TrendSeries) -> str:
    """The velocity as blocks, else the RMS; from the least value to the greatest."""
    velocity = [value for value in series.velocity_rms_mm_s if value is not None]
    name, values = ("velocity", velocity) if velocity else ("rms", [value for value in series.rms if value is not None])
    values = values[-CURVE:]
    if not values:
        return "no values"
    return f"{name} {_blocks(values)} {min(values):.3g} to {max(values):.3g}"


def _blocks(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round((value - low) / (high - low) * top) if high > low else 0] for value in values)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
