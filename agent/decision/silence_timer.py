"""Watchdog timers of all sensors: which of them are silent. The clock is monotonic, and runs only while connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSED_PERIODS = 3
"""A sensor may miss so many of its own periods; one that sends a window a minute is silent after three minutes."""

PERIOD_DECAY = 1 / 8
"""The longest pause counts as the period, and decays by an eighth of a second a second: packets that bring many windows
at once do not hide the pause between them, and a sensor that has become faster has a shorter period after a while."""

MAX_TICK_S = 2.0
"""Longest time between two ticks that counts: what came while the loop stood still waits in the inbox."""

CHECK_EVERY_S = 1.0
"""Time between two checks: a thousand sensors are not checked a thousand times a second."""


class SilenceTimer:
    """The time since each sensor's last window.

    Args:
        periods_s: sensor -> seconds from one window to the next, from an earlier run; 0: not known.
        after_s: sensor -> seconds after which it is silent at the earliest; 0: never.
    """

    def __init__(self, periods_s: Mapping[str, float], after_s: Callable[[str], float]) -> None:
        self._after_s = after_s
        self._periods_s = dict(periods_s)
        self._last_s = dict.fromkeys(periods_s, 0.0)
        self._silent: set[str] = set()
        self._clock_s = 0.0
        self._tick_s: float | None = None
        self._check_s = 0.0

    def tick(self, now_s: float, *, connected: bool) -> list[str]:
        """Advance the clock; return the sensors that have just fallen silent, each once until its next window.

        Args:
            now_s: monotonic.
            connected: the broker has been connected since the last call.
        """
        before_s, self._tick_s = self._tick_s, now_s
        if before_s is not None and connected:
            self._clock_s += min(now_s - before_s, MAX_TICK_S)
        if self._clock_s < self._check_s:
            return []
        self._check_s = self._clock_s + CHECK_EVERY_S
        fallen = [name for name in self._last_s if name not in self._silent and self._overdue(name)]
        self._silent.update(fallen)
        return fallen

    def restart(self, name: str) -> float:
        """Restart a sensor's timer after a window; return its period in seconds, 0 while it is not known."""
        last_s, self._last_s[name] = self._last_s.get(name), self._clock_s
        self._silent.discard(name)
        period_s = self._periods_s.get(name, 0.0)
        if last_s is not None:
            pause_s = self._clock_s - last_s
            # A sensor that was gone for an hour has no period of an hour: a pause counts as twice the period at most.
            most_s = max(2 * period_s, self._after_s(name) / MISSED_PERIODS)
            period_s = max(min(pause_s, most_s), period_s - pause_s * PERIOD_DECAY)
        self._periods_s[name] = period_s
        return period_s

    def forget(self, name: str) -> None:
        """Remove a sensor's timer."""
        self._silent.discard(name)
        for kept in (self._last_s, self._periods_s):
            kept.pop(name, None)

    def _overdue(self, name: str) -> bool:
        after_s, period_s = self._after_s(name), self._periods_s[name]
        # One window alone gives no period.
        return after_s > 0 < period_s and self._clock_s - self._last_s[name] > max(after_s, MISSED_PERIODS * period_s)
