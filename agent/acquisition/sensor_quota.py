"""The places for `max_sensors` sensors: unknown senders must not keep the plant's own sensors out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TRIAL_S = 600.0
"""A sensor loses its place if it sends no whole window within this time of its first packet."""

EVICT_EVERY_S = 10.0
"""Shortest time between two searches for such sensors, so that a flood of unknown ones does not cause one each."""


class SensorQuota:
    """Gives a place to each sensor. One that has sent a whole window keeps its place until it is removed.

    Args:
        max_sensors: number of places.
        known: sensors that an earlier run confirmed; all of them get a place, even if they are more than `max_sensors`.
        trial_s: time for a sensor to send a whole window.
        evict_every_s: shortest time between two evictions.
    """

    def __init__(
        self,
        max_sensors: int,
        known: Iterable[str] = (),
        *,
        trial_s: float = TRIAL_S,
        evict_every_s: float = EVICT_EVERY_S,
    ) -> None:
        self.max_sensors = max_sensors
        self.trial_s = trial_s
        self.evict_every_s = evict_every_s
        self._confirmed = set(known)
        self._on_trial: dict[str, float] = {}  # sensor -> monotonic time of its first packet
        self._evicted_s = -math.inf

    def first_over_quota(self, sensors: Iterable[str]) -> str | None:
        """The first of these sensors without a place if there are not enough places for all; None if there are."""
        new = [name for name in sensors if name not in self._confirmed and name not in self._on_trial]
        return new[0] if new and len(self._confirmed) + len(self._on_trial) + len(new) > self.max_sensors else None

    def is_on_trial(self, sensor: str) -> bool:
        """Whether a sensor has its place for a time only: it has sent no whole window yet."""
        return sensor in self._on_trial

    def add(self, sensor: str, now_s: float) -> None:
        """Give a place to a sensor whose packet was accepted; `now_s` is monotonic."""
        if sensor not in self._confirmed:
            self._on_trial.setdefault(sensor, now_s)

    def confirm(self, sensor: str) -> None:
        """Let a sensor keep its place: it has sent a whole window."""
        if self._on_trial.pop(sensor, None) is not None:
            self._confirmed.add(sensor)

    def remove(self, sensor: str) -> None:
        """Free a sensor's place, if it has one."""
        self._confirmed.discard(sensor)
        self._on_trial.pop(sensor, None)

    def evict_unconfirmed(self, now_s: float) -> list[str]:
        """Free and return the places of the sensors whose trial is over; `now_s` is monotonic."""
        if now_s - self._evicted_s < self.evict_every_s:
            return []
        self._evicted_s = now_s
        evicted = [name for name, since_s in self._on_trial.items() if now_s - since_s >= self.trial_s]
        for name in evicted:
            self.remove(name)
        return evicted
