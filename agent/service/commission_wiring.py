"""Puts commissioning together from the settings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.decision.commissioning import Commissioning
from drsn.agent.monitoring.baseline_monitor import BaselineMonitor
from drsn.agent.observability.logs import fields
from drsn.agent.settings.policies import rpm_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.settings.sections import Settings
    from drsn.model.bundle import Bundle

log = logging.getLogger(__name__)


def commissioning_of(settings: Settings, bundle: Bundle, sensors: Mapping[str, SensorState]) -> Commissioning:
    """The commissioning of one agent, with the baselines of its sensors in use.

    It logs how many sensors have a baseline that was learnt for another bundle, and those that cannot be used.
    """
    commissioned = {name: sensor for name, sensor in sensors.items() if sensor.commission is not None}
    others = [n for n, s in commissioned.items() if s.commission and s.commission.bundle_sha256 != bundle.sha256]
    if others:
        log.warning(
            "sensors were commissioned with another bundle: commission them again",
            extra=fields(sensors=len(others), first=others[0]),
        )
    contract, section = bundle.contract, settings.commission
    monitor = BaselineMonitor(contract, bundle.sha256, rpm_of(settings))
    commissioning = Commissioning(
        bundle.sha256, contract.abstention_threshold, monitor, section.seconds, section.give_up_after_s
    )
    for name, sensor in commissioned.items():
        if (why := commissioning.use(name, sensor)) is not None:
            log.warning(
                "health baseline cannot be used: commission the machine again", extra=fields(sensor=name, reason=why)
            )
        commissioning.note_alarms(name, sensor)
    return commissioning
