"""Puts the monitors together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.notice import Notices
from drsn.agent.monitoring.monitors import Monitors
from drsn.agent.monitoring.vibration_level import VibrationLevel
from drsn.agent.settings.policies import level_of

if TYPE_CHECKING:
    from drsn.agent.monitoring.monitors import BearingMonitor, ConditionMonitor
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract


def monitors_of(settings: Settings, contract: ModelContract) -> Monitors | None:
    """The monitors of one agent; None: no sensor has one."""
    notices = Notices()
    bearing: BearingMonitor | None = None
    changed: ConditionMonitor | None = None
    vibration_level: ConditionMonitor | None = _vibration_level_of(settings, notices)
    if (bearing, changed, vibration_level) == (None, None, None):
        return None
    return Monitors(contract.conditions, bearing, changed, vibration_level, notices)


def _vibration_level_of(settings: Settings, notices: Notices) -> VibrationLevel | None:
    """The monitor of the vibration level; None: no sensor has limits."""
    if all(sensor.machine_group is None and sensor.level_limits_mm_s is None for sensor in settings.sensors):
        return None
    return VibrationLevel(level_of(settings), notices)
