"""How often another connection has taken our client id: now and then is an accident, again and again a fight."""

from __future__ import annotations

from collections import deque

FIGHT = 5
WITHIN_S = 60.0
"""So often in this time, and who is thrown out gives up. Two agents settle it in a second or two (admission)."""


class Takeovers:
    """Counts those of which a broker tells (MQTT 5, reason 142)."""

    def __init__(self) -> None:
        self._times_s: deque[float] = deque(maxlen=FIGHT)

    def fight(self, now_s: float) -> bool:
        """Another one, now: whether it is time to give up, for to come back would only go on for ever."""
        self._times_s.append(now_s)
        return len(self._times_s) == FIGHT and now_s - self._times_s[0] < WITHIN_S
