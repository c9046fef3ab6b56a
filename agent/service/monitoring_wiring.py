"""Puts the monitors together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.notice import Notices
from drsn.agent.monitoring.monitors import Monitors
from drsn.agent.settings.policies import bearing_of, level_of, rpm_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.monitoring.baseline_monitor import BaselineMonitor
    from drsn.agent.monitoring.bearing_monitor import BearingMonitor, KnownBearing
    from drsn.agent.monitoring.monitors import ConditionMonitor
    from drsn.agent.monitoring.vibration_level import VibrationLevel
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract


def monitors_of(settings: Settings, contract: ModelContract, baselines: BaselineMonitor) -> Monitors:
    """The monitors of one agent.

    Args:
        settings: say which sensors have limits.
        contract: of the model.
        baselines: any sensor may get a baseline while the agent runs.
    """
    notices = Notices()
    bearing = _bearing_of(settings, contract)
    vibration_level: ConditionMonitor | None = _vibration_level_of(settings, notices)
    monitors = Monitors(contract.conditions, bearing, baselines, vibration_level, notices)
    baselines.on_change = monitors.renew
    return monitors


def _bearing_of(settings: Settings, contract: ModelContract) -> BearingMonitor | None:
    """The monitor of the bearings; None: no sensor has one."""
    if all(sensor.bearing is None for sensor in settings.sensors):
        return None
    from drsn.agent.monitoring.bearing_monitor import BearingMonitor  # noqa: PLC0415 (imported where it is used)

    return BearingMonitor(contract, known_bearing_of(settings))


def _vibration_level_of(settings: Settings, notices: Notices) -> VibrationLevel | None:
    """The monitor of the vibration level; None: no sensor has limits."""
    if all(sensor.machine_group is None and sensor.level_limits_mm_s is None for sensor in settings.sensors):
        return None
    from drsn.agent.monitoring.vibration_level import VibrationLevel  # noqa: PLC0415 (as above)

    return VibrationLevel(level_of(settings), notices)


def known_bearing_of(settings: Settings) -> Callable[[str], KnownBearing | None]:
    """Return a function: sensor id -> what the bearing detector uses of its bearing; None: it has none."""
    from drsn.agent.monitoring.bearing_monitor import KnownBearing  # noqa: PLC0415 (as above)

    bearing, rpm = bearing_of(settings), rpm_of(settings)

    def known(sensor: str) -> KnownBearing | None:
        found = bearing(sensor)
        return None if found is None else KnownBearing(found.defect_orders, rpm(sensor), excludes=not found.estimated)

    return known
