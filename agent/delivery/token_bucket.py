"""A token bucket: limits a rate, and allows a burst after a pause."""

from __future__ import annotations


class TokenBucket:
    """Full at the start.

    Args:
        burst: tokens that it holds.
        per_s: tokens added each second.
    """

    def __init__(self, burst: int, per_s: float) -> None:
        self._burst = float(burst)
        self._per_s = per_s
        self._tokens, self._filled_s = self._burst, 0.0

    def fill(self, now_s: float) -> None:
        """Add the tokens of the time since the last call; `now_s` is monotonic."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._filled_s) * self._per_s)
        self._filled_s = now_s

    @property
    def available(self) -> int:
        """Whole tokens in the bucket."""
        return int(self._tokens)

    def take(self) -> None:
        """Take one token."""
        self._tokens -= 1
