"""Orphans: alarms that stand on conditions which the present bundle does not have, so that no window raises them again.

An orphan ends by its rule, because every window counts against it, or by `reset`, also while it is active: nothing can
find out any more whether the condition is still there. When it is over, its condition leaves the sensor.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_state import State
from drsn.agent.monitoring.findings import OBSERVED

if TYPE_CHECKING:
    from collections.abc import Collection

    from drsn.agent.decision.alarm_state import SensorState


def marked(sensor: SensorState, conditions_of_all: Collection[str]) -> SensorState:
    """Mark the orphans of a sensor, and remove the conditions of other bundles that are over.

    Args:
        sensor: its state; the same object is returned if nothing changes.
        conditions_of_all: what every sensor has with the present bundle. Those of monitors are no orphans either.
    """
    known = {*conditions_of_all, *OBSERVED}
    if all(name in known and not condition.orphaned for name, condition in sensor.conditions.items()):
        return sensor
    conditions = {
        name: replace(condition, orphaned=name not in known)
        for name, condition in sensor.conditions.items()
        if name in known or condition.state is not State.NORMAL or condition.operator_suppression
    }
    return sensor if conditions == sensor.conditions else replace(sensor, conditions=conditions)


def orphans(sensor: SensorState) -> tuple[str, ...]:
    """The orphans of a sensor."""
    return tuple(name for name, condition in sensor.conditions.items() if condition.orphaned)
