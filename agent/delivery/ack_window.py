"""Sliding window of confirmations: the cursor moves over a confirmed event only if all before it are confirmed."""

from __future__ import annotations

from collections import deque


class AckWindow:
    """Ids of events after the cursor, in order.

    Args:
        cursor: id up to which every event is confirmed.
    """

    def __init__(self, cursor: int) -> None:
        self.cursor = cursor
        self._order: deque[int] = deque()
        self._confirmed: set[int] = set()

    def add(self, event_id: int) -> None:
        """Add the next event; it is not confirmed."""
        self._order.append(event_id)

    def confirm(self, event_id: int) -> None:
        """Mark an event as confirmed, in any order."""
        self._confirmed.add(event_id)

    def advance(self) -> bool:
        """Move the cursor over the confirmed events; False: it did not move."""
        before = self.cursor
        while self._order and self._order[0] in self._confirmed:
            self.cursor = self._order.popleft()
            self._confirmed.discard(self.cursor)
        return self.cursor != before

    def reset(self) -> None:
        """Drop all events after the cursor; they are added again."""
        self._order.clear()
        self._confirmed.clear()
