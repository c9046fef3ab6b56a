"""Puts the monitors together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.monitoring.bearing_monitor import BearingMonitor, KnownBearing
from drsn.agent.monitoring.monitors import Monitors
from drsn.agent.settings.policies import bearing_of, rpm_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.monitoring.monitors import ConditionMonitor
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract


def monitors_of(settings: Settings, contract: ModelContract) -> Monitors | None:
    """The monitors of one agent; None: no sensor has one."""
    configured = any(entry.bearing is not None for entry in settings.sensors)
    bearing = BearingMonitor(contract, known_bearing_of(settings)) if configured else None
    changed: ConditionMonitor | None = None
    vibration_level: ConditionMonitor | None = None
    if (bearing, changed, vibration_level) == (None, None, None):
        return None
    return Monitors(contract.conditions, bearing, changed, vibration_level)


def known_bearing_of(settings: Settings) -> Callable[[str], KnownBearing | None]:
    """Return a function: sensor id -> what the bearing detector uses of its bearing; None: it has none."""
    bearing, rpm = bearing_of(settings), rpm_of(settings)

    def known(sensor: str) -> KnownBearing | None:
        found = bearing(sensor)
        return None if found is None else KnownBearing(found.defect_orders, rpm(sensor), excludes=not found.estimated)

    return known
