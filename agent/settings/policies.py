"""Each sensor's policy: the settings, with the overrides of the first `[[sensors]]` entry that matches."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from drsn.agent.decision.cusum import threshold_nats
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.severity import Urgency
from drsn.agent.monitoring.vibration_zones import LIMITS_MM_S
from drsn.agent.settings.sections import SensorSection

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.monitoring.vibration_level import LevelSetup
    from drsn.agent.schema.bearing import AnyBearing
    from drsn.agent.settings.alarm_sections import AlarmsSection, GateSection, VibrationLevelSection
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import Frozen, ModelContract

S = TypeVar("S", bound="Frozen")
NS = 1_000_000_000
NO_OVERRIDES = SensorSection(match="*")


def policy_of(settings: Settings, contract: ModelContract) -> Callable[[str], Policy]:
    """Return a function: sensor id -> its policy, for windows of this model; sensors of one override share theirs."""
    made: dict[int, Policy] = {}  # by the override, as an object

    def policy(sensor: str) -> Policy:
        found = _override(settings, sensor)
        if id(found) not in made:
            made[id(found)] = of(found)
        return made[id(found)]

    def of(found: SensorSection) -> Policy:
        alarms = _with(settings.alarms, found.alarms)
        faults = _with(settings.sensor_faults, found.sensor_faults)
        level = _with(settings.vibration_level, found.vibration_level)
        votes = _terms(alarms, None)
        return Policy(
            machine=_terms(alarms, _threshold(alarms, contract)) if alarms.rule == "sequential" else votes,
            unknown=votes,
            sensor_fault=AlarmRule(faults.raise_after, faults.clear_after),
            limits=_limits(_with(settings.gate, found.gate)),
            silent_after_s=alarms.silent_after_s,
            require_ack=alarms.require_ack,
            latch=alarms.latch,
            urgency=Urgency(alarms.severity, alarms.sure_from, round(alarms.escalate_after_s * NS)),
            changed=_terms(alarms, _threshold(alarms, contract, conditions=1)),
            vibration_level=_terms(level, None),
        )

    return policy


def ignored_faults(settings: Settings) -> Callable[[str], frozenset[str]]:
    """Return a function: sensor id -> names of the sensor faults to ignore. It is called for each window."""

    @cache  # one entry for each sensor, of which there are at most max_sensors
    def ignored(sensor: str) -> frozenset[str]:
        return frozenset(_with(settings.sensor_faults, _override(settings, sensor).sensor_faults).ignore)

    return ignored


def level_of(settings: Settings) -> Callable[[str], LevelSetup | None]:
    """Return a function: sensor id -> how its vibration level is evaluated; None: it is not."""

    def level(sensor: str) -> LevelSetup | None:
        found = _override(settings, sensor)
        limits_mm_s = found.level_limits_mm_s
        if limits_mm_s is None and found.machine_group is not None:
            limits_mm_s = LIMITS_MM_S[found.machine_group]
        if limits_mm_s is None:
            return None
        from drsn.agent.monitoring.vibration_level import LevelSetup  # noqa: PLC0415 (imported where it is used)

        raise_from = _with(settings.vibration_level, found.vibration_level).raise_from
        return LevelSetup(limits_mm_s, found.level_from_hz, raise_from)

    return level


def bearing_of(settings: Settings) -> Callable[[str], AnyBearing | None]:
    """Return a function: sensor id -> its bearing; None: not configured."""
    return lambda sensor: _override(settings, sensor).bearing


def rpm_of(settings: Settings) -> Callable[[str], float | None]:
    """Return a function: sensor id -> its configured speed, for packets without one; None: not configured."""
    return lambda sensor: _override(settings, sensor).rpm


def _override(settings: Settings, sensor: str) -> SensorSection:
    return next((entry for entry in settings.sensors if fnmatchcase(sensor, entry.match)), NO_OVERRIDES)


def _with(section: S, override: Frozen) -> S:
    """Return the section with the values that the override sets."""
    given = {name: value for name in type(override).model_fields if (value := getattr(override, name)) is not None}
    return section.model_copy(update=given)


def _threshold(alarms: AlarmsSection, contract: ModelContract, conditions: int | None = None) -> float:
    """Return the threshold of the sequential test, in nats; `conditions` None: those of the model."""
    of = len(contract.alarm_conditions) - 1 if conditions is None else conditions
    return threshold_nats(alarms.false_alarms_per_sensor_year, contract.window / contract.sample_rate_hz, of)


def _terms(section: AlarmsSection | VibrationLevelSection, threshold: float | None) -> AlarmRule:
    """Return the rule of the sequential test with this threshold in nats, or of voting without one."""
    return AlarmRule(
        section.raise_after,
        section.clear_after,
        threshold,
        on_delay_ns=round(section.on_delay_s * NS),
        off_delay_ns=round(section.off_delay_s * NS),
    )


def _limits(gate: GateSection) -> GateLimits:
    return GateLimits(
        rms=gate.rms,
        rpm=gate.rpm,
        hysteresis=gate.hysteresis,
        settle_ns=round(gate.settle_s * NS),
        rpm_change=gate.rpm_change,
    )
