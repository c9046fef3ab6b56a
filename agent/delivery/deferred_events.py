"""Events that the broker has refused, and later events of the same sensors, until they are tried again."""

from __future__ import annotations

import math
from collections import Counter


class DeferredEvents:
    """Ids of deferred events with their sensors, and when to try them again."""

    def __init__(self) -> None:
        self.retry_due_s = math.inf
        """Monotonic; infinite: nothing is deferred."""
        self._sensors: dict[int, str] = {}  # event id -> sensor
        self._per_sensor: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._sensors)

    def add(self, event_id: int, sensor: str) -> None:
        """Defer an event."""
        self._sensors[event_id] = sensor
        self._per_sensor[sensor] += 1

    def remove(self, event_id: int) -> None:
        """An event is tried again."""
        self._per_sensor[self._sensors.pop(event_id)] -= 1

    def has(self, sensor: str) -> bool:
        """True if an event of the sensor is deferred; its later events must wait to stay in order."""
        return self._per_sensor[sensor] > 0

    def oldest(self, limit: int) -> list[int]:
        """Ids of the oldest deferred events."""
        return sorted(self._sensors)[:limit]

    def clear(self) -> None:
        """Nothing is deferred any more."""
        self._sensors.clear()
        self._per_sensor.clear()
        self.retry_due_s = math.inf
