"""Results come to one row a minute: what the history keeps. Values in, rows out; the time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

HOUR: Final = 60
"""Minutes of the trend in the overview."""

MAX_SENSORS: Final = 20_000


class MinuteRow(NamedTuple):
    """A minute of one sensor; rows of the same minute may be added."""

    sensor: str
    minute: int
    """Minutes since 1970."""
    results: int
    rms_sum: float
    rms_max: float
    velocity_mm_s: float | None
    """The last one of the minute."""


@dataclass(slots=True)
class _Minute:
    minute: int
    results: int = 0
    rms_sum: float = 0.0
    rms_max: float = 0.0
    velocity_mm_s: float | None = None

    def row(self, sensor: str) -> MinuteRow:
        return MinuteRow(sensor, self.minute, self.results, self.rms_sum, self.rms_max, self.velocity_mm_s)


class Minutes:
    """The present minute of each sensor, and the mean RMS of each minute of the last hour."""

    def __init__(self) -> None:
        self._now: dict[str, _Minute] = {}
        self._hour: dict[str, deque[tuple[int, float]]] = {}

    def add(self, sensor: str, at_unix_s: float, rms: float, velocity_mm_s: float | None) -> MinuteRow | None:
        """Take a result; return the minute that it ends, if it is the first one of another minute."""
        minute, done = int(at_unix_s // 60), None
        now = self._now.get(sensor)
        if now is None and len(self._now) >= MAX_SENSORS:
            return None
        if now is None or now.minute != minute:
            done = None if now is None else self._end(sensor, now)
            now = self._now[sensor] = _Minute(minute)
        now.results += 1
        now.rms_sum += rms
        now.rms_max = max(now.rms_max, rms)
        now.velocity_mm_s = now.velocity_mm_s if velocity_mm_s is None else velocity_mm_s
        return done

    def present(self, sensor: str) -> MinuteRow | None:
        """The minute that has not ended."""
        now = self._now.get(sensor)
        return None if now is None else now.row(sensor)

    def take_all(self) -> list[MinuteRow]:
        """End the present minutes; for the end of the process."""
        rows = [self._end(sensor, now) for sensor, now in self._now.items()]
        self._now.clear()
        return rows

    def resume(self, rows: Iterable[MinuteRow]) -> None:
        """Take the minutes of the last hour from the history, oldest first."""
        for row in rows:
            self._remember(row)

    def trend(self, sensor: str, now_unix_s: float) -> list[float | None]:
        """The mean RMS of each minute of the last hour, oldest first; None for a gap; empty without any."""
        means = dict(self._hour.get(sensor, ()))
        if (now := self._now.get(sensor)) is not None:
            means[now.minute] = now.rms_sum / now.results
        last = int(now_unix_s // 60)
        shown = [minute for minute in means if last - HOUR < minute <= last]
        if not shown:
            return []
        values = (means.get(minute) for minute in range(min(shown), last + 1))
        return [None if value is None else float(f"{value:.4g}") for value in values]

    def _end(self, sensor: str, now: _Minute) -> MinuteRow:
        row = now.row(sensor)
        self._remember(row)
        return row

    def _remember(self, row: MinuteRow) -> None:
        hour = self._hour.setdefault(row.sensor, deque(maxlen=HOUR))
        hour.append((row.minute, row.rms_sum / row.results))
