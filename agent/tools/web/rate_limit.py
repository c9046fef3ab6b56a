"""How many requests a client may make: a token bucket of each address. It reads no clock."""

from __future__ import annotations

from typing import Final

MAX_CLIENTS: Final = 10_000
"""Addresses that are remembered; at this many, all are forgotten, which bounds memory."""


class RateLimit:
    """A token bucket for each client.

    Args:
        per_s: requests a second that a client may make for ever.
        burst: requests that it may make at once.
    """

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._left: dict[str, tuple[float, float]] = {}  # client -> requests left, and when

    def take(self, client: str, now_s: float, cost: float = 1.0) -> bool:
        """Count a request; return whether it is within the limit."""
        left, since_s = self._left.get(client, (self._burst, now_s))
        left = min(self._burst, left + (now_s - since_s) * self._per_s)
        if len(self._left) >= MAX_CLIENTS and client not in self._left:
            self._left.clear()
        fits = left >= cost
        self._left[client] = (left - cost if fits else left, now_s)
        return fits
