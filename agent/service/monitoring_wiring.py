"""Puts the monitors together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.monitoring.monitors import Monitors

if TYPE_CHECKING:
    from drsn.agent.monitoring.baseline_monitor import BaselineMonitor
    from drsn.agent.monitoring.monitors import BearingMonitor, ConditionMonitor
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract


def monitors_of(_settings: Settings, contract: ModelContract, baselines: BaselineMonitor) -> Monitors:
    """The monitors of one agent.

    Args:
        contract: of the model.
        baselines: any sensor may get a baseline while the agent runs.
    """
    bearing: BearingMonitor | None = None
    vibration_level: ConditionMonitor | None = None
    monitors = Monitors(contract.conditions, bearing, baselines, vibration_level)
    baselines.on_change = monitors.renew
    return monitors
