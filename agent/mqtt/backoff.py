"""Waits between attempts to connect."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Backoff:
    """Exponential back-off with full jitter: a thousand agents do not reconnect in the same second.

    Args:
        max_s: upper bound of every wait, in seconds.
        draw: random number between two bounds.
    """

    MIN_S = 0.05

    def __init__(self, max_s: float = 30.0, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._max_s, self._draw = max_s, draw
        self._failures = 0

    def next_s(self, *, connected: bool) -> float:
        """Wait before the next attempt, in seconds; `connected` tells whether the last attempt succeeded.

        The upper bound is 1 s after a success and doubles with each failure in a row.
        """
        self._failures = 0 if connected else self._failures + 1
        return self._draw(self.MIN_S, min(self._max_s, 2.0 ** min(self._failures, 10)))
