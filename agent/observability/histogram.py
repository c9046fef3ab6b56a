"""A histogram of durations with fixed bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets, in seconds; the last bucket has none."""


class Histogram:
    """Counts of durations in buckets, and their sum.

    Args:
        bounds_s: upper bounds in seconds, rising; a duration that is equal to a bound is in the bucket below it.
    """

    def __init__(self, bounds_s: Sequence[float] = BOUNDS_S) -> None:
        self._bounds_s: NDArray[np.float64] = np.array(bounds_s)
        self._counts: NDArray[np.int64] = np.zeros(len(bounds_s) + 1, np.int64)
        self.sum_s = 0.0
        """Of all durations, in seconds."""

    def add_all(self, seconds: Sequence[float]) -> None:
        """Add durations in seconds."""
        places = np.searchsorted(self._bounds_s, seconds, side="left")
        self._counts += np.bincount(places, minlength=len(self._counts))
        self.sum_s += float(np.sum(seconds))

    def cumulative(self) -> list[tuple[float, int]]:
        """(upper bound in seconds, durations up to it) of each bucket; the last bound is infinite."""
        counts = np.cumsum(self._counts).tolist()
        return list(zip((*self._bounds_s.tolist(), float("inf")), counts, strict=True))
