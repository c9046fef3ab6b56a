"""Watchdog timers of all sensors: which of them are silent. The clock is monotonic, and runs only while connected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MISSED_PERIODS = 3
"""A sensor may miss so many of its own periods; one that sends a window a minute is silent after three minutes."""

PERIOD_DECAY = 1 / 8
"""The longest pause counts as the period, and decays by an eighth of a second a second: packets that bring many windows
at once do not hide the pause between them, and a sensor that has become faster has a shorter period after a while."""

MAX_TICK_S = 2.0
"""Longest time between two ticks that counts: what came while the loop stood still waits in the inbox."""

CHECK_EVERY_S = 1.0
"""Time between two checks: a thousand sensors are not checked a thousand times a second."""


_UNKNOWN = np.nan
_FIRST_SLOTS = 64  # doubled when they are used up


class SilenceTimer:
    """The time since the last window of each sensor, which is known here by its slot.

    Args:
        after_s: slot -> seconds after which the sensor is silent at the earliest, asked once; 0: never.
    """

    def __init__(self, after_s: Callable[[int], float]) -> None:
        self._ask_after_s = after_s
        self._last_s, self._period_s, self._after_s = np.full((3, _FIRST_SLOTS), _UNKNOWN)
        """By slot: clock at the last window, period, seconds after which the sensor is silent."""
        self._silent = np.zeros(_FIRST_SLOTS, np.bool_)
        self._clock_s = 0.0
        self._tick_s: float | None = None
        self._check_s = 0.0

    def begin(self, slot: int, period_s: float) -> None:
        """Begin the timer of a sensor of an earlier run.

        Args:
            slot: of the sensor.
            period_s: seconds from one window to the next; 0: not known.
        """
        self.forget(slot)
        self._last_s[slot], self._period_s[slot] = 0.0, period_s

    def tick(self, now_s: float, *, connected: bool) -> list[int]:
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
        # One window alone gives no period.
        slots = np.flatnonzero((self._period_s > 0) & ~self._silent)
        self._ask(slots)
        after_s, period_s = self._after_s[slots], self._period_s[slots]
        overdue = (after_s > 0) & (self._clock_s - self._last_s[slots] > np.maximum(after_s, MISSED_PERIODS * period_s))
        fallen: list[int] = slots[overdue].tolist()
        self._silent[fallen] = True
        return fallen

    def pause_s(self, slot: int) -> float:
        """Seconds since the last window of a sensor, without those in which there was no connection."""
        return self._clock_s - float(self._last_s[slot])

    def restart(self, slot: int) -> float:
        """Restart a sensor's timer after a window; return its period in seconds, 0 while it is not known."""
        self._grow(slot)
        last_s, period_s, after_s = (float(each[slot]) for each in (self._last_s, self._period_s, self._after_s))
        if math.isnan(after_s):
            self._after_s[slot] = after_s = self._ask_after_s(slot)
        if math.isnan(last_s):
            period_s = 0.0
        else:
            pause_s = self._clock_s - last_s
            # A sensor that was gone for an hour has no period of an hour: a pause counts as twice the period at most.
            most_s = max(2 * period_s, after_s / MISSED_PERIODS)
            period_s = max(min(pause_s, most_s), period_s - pause_s * PERIOD_DECAY)
        self._last_s[slot], self._period_s[slot], self._silent[slot] = self._clock_s, period_s, False
        return period_s

    def restart_all(self, slots: NDArray[np.intp]) -> NDArray[np.float64]:
        """Restart many timers, bit for bit as `restart`.

        Args:
            slots: none twice, each restarted before, and none silent.

        Returns:
            float64[slots]: the periods in seconds.
        """
        pause_s: NDArray[np.float64] = self._clock_s - self._last_s.take(slots)
        period_s: NDArray[np.float64] = self._period_s.take(slots)
        most_s = np.maximum(2 * period_s, self._after_s.take(slots) / MISSED_PERIODS)
        period_s = np.maximum(np.minimum(pause_s, most_s), period_s - pause_s * PERIOD_DECAY)
        self._last_s[slots], self._period_s[slots] = self._clock_s, period_s
        return period_s

    def forget(self, slot: int) -> None:
        """Remove a sensor's timer."""
        self._grow(slot)
        self._last_s[slot] = self._period_s[slot] = self._after_s[slot] = _UNKNOWN
        self._silent[slot] = False

    def _ask(self, slots: NDArray[np.intp]) -> None:
        for slot in slots[np.isnan(self._after_s[slots])].tolist():
            self._after_s[slot] = self._ask_after_s(slot)

    def _grow(self, slot: int) -> None:
        more = max(slot + 1 - len(self._silent), len(self._silent))
        if slot >= len(self._silent):
            unknown = np.full(more, _UNKNOWN)
            self._last_s = np.concatenate([self._last_s, unknown])
            self._period_s = np.concatenate([self._period_s, unknown])
            self._after_s = np.concatenate([self._after_s, unknown])
            self._silent = np.concatenate([self._silent, np.zeros(more, np.bool_)])
