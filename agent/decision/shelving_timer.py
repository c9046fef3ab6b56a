"""Timers of all shelvings: which sensors have one that is over. No clock, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.operator_action import shelving_is_over

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.decision.alarm_state import SensorState


class ShelvingTimer:
    """The ends of the shelvings of each sensor; the loop asks in each turn, so that sensors without one cost nothing.

    Args:
        sensors: name -> its state, as an earlier run left it.
    """

    def __init__(self, sensors: Mapping[str, SensorState]) -> None:
        self._ends_unix_ns: dict[str, set[int]] = {}
        for name, sensor in sensors.items():
            self.update(name, sensor)

    def update(self, name: str, sensor: SensorState) -> None:
        """Take over a sensor's shelvings as they stand."""
        ends = {c.shelved_until_unix_ns for c in sensor.conditions.values() if c.shelved_until_unix_ns}
        self._ends_unix_ns.pop(name, None)
        if ends:
            self._ends_unix_ns[name] = ends

    def expired(self, now_unix_ns: int) -> list[str]:
        """The sensors with a shelving that is over, sorted."""
        ends = self._ends_unix_ns.items()
        return sorted(name for name, each in ends if any(shelving_is_over(end, now_unix_ns) for end in each))
