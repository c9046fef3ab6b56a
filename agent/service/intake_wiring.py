"""Puts the intake of an agent together from its settings and from what an earlier run left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from drsn.agent.acquisition.clock_sync import ClockSync
from drsn.agent.acquisition.intake import Intake
from drsn.agent.service.watch_wiring import watch_of
from drsn.agent.settings.inputs import inputs_of

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.service.clock import Clock
    from drsn.agent.settings.sections import Settings
    from drsn.agent.storage.database import Snapshot
    from drsn.model.contract import ModelContract


def intake_of(
    settings: Settings, contract: ModelContract, remembered: Snapshot, engine: AlarmEngine, clock: Clock
) -> Intake:
    """The sensors of an earlier run go on where it stopped; those that were diagnosed keep their places."""
    intake = Intake(
        contract,
        inputs_of(settings, contract),
        settings.agent.max_sensors,
        remembered.cursors,
        known=[name for name, sensor in remembered.sensors.items() if sensor.conditions],
        max_age_s=settings.agent.max_age_s,
        clock_synchronised=ClockSync(time.time).synchronised,
    )
    intake.watch = watch_of(settings, contract, engine.sensors, clock.unix_ns())
    return intake
