"""Which sensors have fallen silent? Time is monotonic, and runs only while the agent listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PERIODS = 3
"""Of its own, that a sensor may miss; one that sends a window a minute is silent after three."""

FORGETTING = 1 / 8
"""The longest pause counts as the period, and shrinks by an eighth of a second a second: packets that bring many
windows at once do not hide the pause between them, and a sensor that has become faster is believed in a while."""

MAX_TURN_S = 2.0
"""A loop that stood still for longer was not listening: what came meanwhile waits in the inbox."""

LOOK_EVERY_S = 1.0
"""A thousand sensors are not asked a thousand times a second."""


class SilenceTimer:
    """Knows when each sensor was heard last.

    Args:
        periods_s: sensor -> seconds from one window to the next, as an earlier run learned them; 0: not known.
        after_s: sensor -> it is silent after this at the earliest; 0: never.
    """

    def __init__(self, periods_s: Mapping[str, float], after_s: Callable[[str], float]) -> None:
        self._after_s = after_s
        self._periods_s = dict(periods_s)
        self._heard_s = dict.fromkeys(periods_s, 0.0)
        self._silent: set[str] = set()
        self._clock_s = 0.0
        self._seen_s: float | None = None
        self._look_s = 0.0

    def listen(self, now_s: float, *, listening: bool) -> list[str]:
        """Turn the clock; the sensors that have just fallen silent, each once until it is heard again.

        Args:
            now_s: monotonic.
            listening: the broker has been connected since the last call.
        """
        before_s, self._seen_s = self._seen_s, now_s
        if before_s is not None and listening:
            self._clock_s += min(now_s - before_s, MAX_TURN_S)
        if self._clock_s < self._look_s:
            return []
        self._look_s = self._clock_s + LOOK_EVERY_S
        fallen = [name for name in self._heard_s if name not in self._silent and self._overdue(name)]
        self._silent.update(fallen)
        return fallen

    def heard(self, name: str) -> float:
        """A window came; the sensor's period in seconds after that, 0 while it is not known."""
        last_s, self._heard_s[name] = self._heard_s.get(name), self._clock_s
        self._silent.discard(name)
        period_s = self._periods_s.get(name, 0.0)
        if last_s is not None:
            pause_s = self._clock_s - last_s
            # A sensor that was gone for an hour has no period of an hour: each pause counts for twice the last at most.
            most_s = max(2 * period_s, self._after_s(name) / PERIODS)
            period_s = max(min(pause_s, most_s), period_s - pause_s * FORGETTING)
        self._periods_s[name] = period_s
        return period_s

    def forget(self, name: str) -> None:
        """Expect nothing more of a sensor."""
        self._silent.discard(name)
        for kept in (self._heard_s, self._periods_s):
            kept.pop(name, None)

    def _overdue(self, name: str) -> bool:
        after_s, period_s = self._after_s(name), self._periods_s[name]
        # From one window alone nobody knows how often to expect the next.
        return after_s > 0 < period_s and self._clock_s - self._heard_s[name] > max(after_s, PERIODS * period_s)
