"""Trends: adds up what is measured in memory, writes it every quarter of an hour, and tells of a sensor."""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.monitoring.forecast import Forecast, Line, line_of, time_to
from drsn.agent.monitoring.trend_aggregator import TrendAggregator, metrics_of
from drsn.agent.monitoring.trend_record import COUNT, mean_of, merged, most_of
from drsn.agent.monitoring.vibration_zones import ZONES
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.schema.trend import ForecastDocument, TrendDocument, TrendSeries
from drsn.agent.storage.database import Changes
from drsn.agent.storage.trend_table import DAY_S, HOUR_S, StoredTrend, TrendRow, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.monitoring.vibration_level import LevelSetup
    from drsn.agent.service.clock import Clock
    from drsn.agent.storage.recovery import Recovery

FLUSH_S: Final = 900
"""What is not written yet is lost if the process is killed; an ordered stop writes it. A divisor of an hour."""

MOST_PENDING: Final = 100_000
"""Rows that wait for a disk that fails, about 20 MB: four days of 250 sensors. The oldest are dropped."""

ROWS_A_TURN: Final = 50
"""Rows that one turn of the loop writes: 5 ms, in which no window is diagnosed."""

DAYS_FOR_LINE: Final = 60
"""Days of the past through which the line goes; with fewer than `LEAST_DAYS`, the hours that are kept."""

LEAST_DAYS: Final = 8
NS = 1_000_000_000


class TrendKeeper:
    """The trends of all sensors.

    Args:
        recovery: writes and reads; while the disk fails, rows wait in memory.
        clock: the hours are those of the wall clock, in UTC.
        healthy: column of P(healthy) in the diagnoses.
        level_of: sensor id -> its limits; None: it has none.
    """

    def __init__(
        self, recovery: Recovery, clock: Clock, healthy: int, level_of: Callable[[str], LevelSetup | None]
    ) -> None:
        self._recovery, self._clock, self._healthy, self._level_of = recovery, clock, healthy, level_of
        self._aggregator = TrendAggregator()
        self._pending: deque[TrendRow] = deque(maxlen=MOST_PENDING)
        self._part = clock.unix_ns() // (FLUSH_S * NS)

    def add(self, decisions: Decisions) -> None:
        """Add the windows of a batch from running machines with sound sensors."""
        batch = decisions.diagnoses.batch
        everything = not np.count_nonzero(decisions.suppressed)
        rows = np.arange(batch.size) if everything else np.flatnonzero(decisions.suppressed == 0)
        if len(rows):
            names = batch.sensors if len(rows) == batch.size else [batch.sensors[row] for row in rows.tolist()]
            healthy = decisions.diagnoses.by_condition[:, self._healthy]
            self._aggregator.add(names, metrics_of(batch, rows, healthy))

    def tend(self, now_s: float) -> None:  # noqa: ARG002 (a chore; the parts of an hour are those of the wall clock)
        """Take what was added, once in `FLUSH_S`, and write it, some rows a turn of the loop."""
        part = self._clock.unix_ns() // (FLUSH_S * NS)
        if part != self._part:
            self._take()
            self._part = part
        if self._pending:
            self._write(ROWS_A_TURN)

    def flush(self) -> None:
        """Write all that was added."""
        self._take()
        if self._pending:
            self._write(len(self._pending))

    def _take(self) -> None:
        """Make rows of what was added since the last time; they count for the hour in which that was."""
        hour_unix_s = self._part * FLUSH_S // HOUR_S * HOUR_S
        self._pending += [TrendRow(name, hour_unix_s, record) for name, record in self._aggregator.take().items()]

    def _write(self, rows: int) -> None:
        """Write the oldest rows; while the disk fails they stay."""
        if self._recovery.problem is None and self._recovery.has_database:
            written = tuple(islice(self._pending, rows))
            self._recovery.commit(Changes(trends=written))
            if self._recovery.problem is None:
                for _ in written:
                    self._pending.popleft()

    def forget(self, sensor: str) -> None:
        """Drop what is in memory of a sensor; its rows are deleted with its state."""
        self._aggregator.forget(sensor)
        kept = [row for row in self._pending if row.sensor != sensor]
        self._pending.clear()
        self._pending += kept

    def document(self, sensor: str) -> TrendDocument:
        """What is kept of a sensor, with what is not written yet."""
        found = {(row.seconds, row.start_unix_s): row.record for row in self._stored(sensor)}
        hour_unix_s = self._part * FLUSH_S // HOUR_S * HOUR_S
        now = TrendRow(sensor, hour_unix_s, self._aggregator.record(sensor))
        for row in (*(each for each in self._pending if each.sensor == sensor), now):
            for seconds in (HOUR_S, DAY_S):
                key = (seconds, row.hour_unix_s // seconds * seconds)
                found[key] = merged(found[key], row.record) if key in found else row.record
        rows = [StoredTrend(*key, record) for key, record in sorted(found.items()) if record[:, COUNT].any()]
        hours, days = ([row for row in rows if row.seconds == seconds] for seconds in (HOUR_S, DAY_S))
        setup = self._level_of(sensor)
        forecast = None if setup is None else forecast_of(hours, days, setup.limits_mm_s)
        return TrendDocument(hourly=_series(hours), daily=_series(days), forecast=forecast)

    def _stored(self, sensor: str) -> list[StoredTrend]:
        return self._recovery.read(lambda database: database.query(partial(read, sensor=sensor))) or []


def forecast_of(
    hours: Sequence[StoredTrend], days: Sequence[StoredTrend], limits_mm_s: tuple[float, float, float]
) -> ForecastDocument | None:
    """When the velocity reaches the next zone; None: no velocity was measured.

    Args:
        hours: the oldest first.
        days: the oldest first; the last one is not over.
        limits_mm_s: boundaries of the zones.
    """
    whole = _points(days[-DAYS_FOR_LINE - 1 : -1])
    points = whole if len(whole) >= LEAST_DAYS else _points(hours)
    if not points:
        return None
    times, values = np.array(points).T
    line = line_of(times, values)
    now = float(np.median(values[-LEAST_DAYS:])) if line is None else line.now
    zone = sum(now >= limit for limit in limits_mm_s)
    if zone == len(limits_mm_s):
        return _forecast(zone, None, line, Forecast(None, reason="it is in the highest zone"))
    limit = limits_mm_s[zone]
    return _forecast(zone, limit, line, time_to(limit, line))


def _forecast(zone: int, limit: float | None, line: Line | None, found: Forecast) -> ForecastDocument:
    return ForecastDocument(
        zone=ZONES[zone],
        next_zone=None if limit is None else ZONES[zone + 1],
        limit_mm_s=limit,
        now_mm_s=None if line is None else _digits(line.now),
        per_day_mm_s=None if line is None else _digits(line.per_day),
        days=_digits(found.days),
        days_low=_digits(found.days_low),
        days_high=_digits(found.days_high),
        reason=found.reason,
    )


def _points(rows: Iterable[StoredTrend]) -> list[tuple[float, float]]:
    """Middle of each row in days, and its mean velocity; rows without one are left out."""
    means = ((row, mean_of(row.record, "velocity_rms_mm_s")) for row in rows)
    return [((row.start_unix_s + row.seconds / 2) / DAY_S, mean) for row, mean in means if mean is not None]


def _series(rows: Sequence[StoredTrend]) -> TrendSeries:
    def means(metric: str) -> tuple[float | None, ...]:
        return tuple(_digits(mean_of(row.record, metric)) for row in rows)

    return TrendSeries(
        at=tuple(iso_utc(row.start_unix_s * NS) for row in rows),
        windows=tuple(int(row.record[:, COUNT].max()) for row in rows),
        peak=tuple(_digits(most_of(row.record, "peak")) for row in rows),
        **{name: means(name) for name in ("velocity_rms_mm_s", "rms", "crest_factor", "kurtosis", "healthy")},
    )


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
