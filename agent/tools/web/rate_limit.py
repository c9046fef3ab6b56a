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

    def take(self, client: str, now_s: float) -> bool:
        """Count a request; return whether it is within the limit."""
        left = self._now(client, now_s)
        fits = left >= 1.0
        self._left[client] = (left - fits, now_s)
        return fits

    def charge(self, client: str, now_s: float, requests: float) -> None:
        """Count so many requests more, even beyond the limit: the client waits the longer."""
        self._left[client] = (max(-self._burst, self._now(client, now_s) - requests), now_s)

    def _now(self, client: str, now_s: float) -> float:
        """Requests that a client has left."""
        if len(self._left) >= MAX_CLIENTS and client not in self._left:
            self._left.clear()
        left, since_s = self._left.get(client, (self._burst, now_s))
        return min(self._burst, left + (now_s - since_s) * self._per_s)
