"""Puts the watch of the sources together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.source_watch import Needs, SourceWatch
from drsn.agent.decision.counters import Counters
from drsn.agent.decision.needed_windows import needed_windows
from drsn.agent.delivery.watch_view import WatchView
from drsn.agent.settings.policies import policy_of

if TYPE_CHECKING:
    from drsn.agent.acquisition.intake import Intake
    from drsn.agent.decision.sensor_table import SensorTable
    from drsn.agent.service.clock import Clock
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract

QUIET_S = 30.0
"""Of a sensor whose silence is never an alarm (`silent_after_s = 0`)."""


def watch_of(settings: Settings, contract: ModelContract, sensors: SensorTable, now_unix_ns: int) -> SourceWatch:
    """The watch of one agent.

    Args:
        settings: say what the alarm rule of each sensor needs.
        contract: of the model.
        sensors: those that an earlier run diagnosed, and each with its period.
        now_unix_ns: the agent's clock.
    """
    policy, window_ns = policy_of(settings, contract), contract.window * 1e9 / contract.sample_rate_hz

    def needs(sensor: str) -> Needs:
        found = policy(sensor)
        return Needs(needed_windows(found.machine, window_ns), found.silent_after_s or QUIET_S)

    def period_s(sensor: str) -> float:
        return Counters.from_bytes(sensors.record(sensors.slot(sensor))).period_s if sensor in sensors else 0.0

    return SourceWatch(sensors, now_unix_ns, needs, period_s)


def view_of(intake: Intake, clock: Clock) -> WatchView:
    """What delivery asks about the watch of an intake, which may be replaced later."""
    return WatchView(
        of=lambda sensor: intake.watch.of(sensor, clock.unix_ns()),
        sources=lambda: (intake.watch.not_watched(), intake.watch.count),
    )
