"""Puts the monitors together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.monitoring.monitors import Monitors

if TYPE_CHECKING:
    from drsn.agent.monitoring.monitors import BearingMonitor, ConditionMonitor
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract


def monitors_of(_settings: Settings, contract: ModelContract) -> Monitors | None:
    """The monitors of one agent; None: no sensor has one."""
    bearing: BearingMonitor | None = None
    changed: ConditionMonitor | None = None
    vibration_level: ConditionMonitor | None = None
    if (bearing, changed, vibration_level) == (None, None, None):
        return None
    return Monitors(contract.conditions, bearing, changed, vibration_level)
